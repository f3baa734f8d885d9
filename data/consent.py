"""The consent ledger: who allowed what, when and how, and when they took it back.

Telegram's API terms 1.5 allow training on a chat only with the explicit, informed and continued consent of everybody
whose words are used. A record is the owner's own statement that they have it. Scope `own` keeps only the owner's
words, so the owner alone can grant it; scope `chat` says that the other person agreed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from data.archive import Archive
from data.transcript import Scope


@dataclass(frozen=True, slots=True)
class Consent:
    """One record. It counts while `revoked_at` is None."""

    dialog_id: int
    scope: Scope
    granted_at: datetime
    granted_by: str
    how: str
    revoked_at: datetime | None = None


class Ledger:
    """The records in an archive. Nothing is ever overwritten: a new grant revokes the old record and adds one."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def grant(self, dialog_id: int, scope: Scope, granted_by: str, how: str, now: datetime) -> Consent:
        """Record a consent; it replaces an active one of this dialog."""
        with self._archive.transaction():
            self.revoke(dialog_id, now)
            self._archive.db.execute(
                "INSERT INTO consents (dialog_id, scope, granted_at, granted_by, how) VALUES (?, ?, ?, ?, ?)",
                (dialog_id, scope, now.timestamp(), granted_by, how),
            )
        return Consent(dialog_id, scope, now, granted_by, how)

    def revoke(self, dialog_id: int, now: datetime) -> bool:
        """Take back the active consent of a dialog; returns whether there was one."""
        done = self._archive.db.execute(
            "UPDATE consents SET revoked_at = ? WHERE dialog_id = ? AND revoked_at IS NULL",
            (now.timestamp(), dialog_id),
        )
        return done.rowcount > 0

    def active(self) -> dict[int, Consent]:
        """The consents that count now, by dialog."""
        return {consent.dialog_id: consent for consent in self.history() if consent.revoked_at is None}

    def of(self, dialog_id: int) -> Consent | None:
        """The consent that counts for one dialog now, or None."""
        return self.active().get(dialog_id)

    def history(self) -> list[Consent]:
        """Every record ever made, oldest first."""
        rows = self._archive.db.execute(
            "SELECT dialog_id, scope, granted_at, granted_by, how, revoked_at FROM consents ORDER BY id"
        )
        return [
            Consent(dialog_id, Scope(scope), _moment(granted), by, how, None if revoked is None else _moment(revoked))
            for dialog_id, scope, granted, by, how, revoked in rows
        ]


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
