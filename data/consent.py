"""The consent ledger: who allowed what, when and how, and when they took it back.

Telegram's API terms 1.5 allow training on a chat only with the explicit, informed and continued consent of everybody
whose words are used. A record is the owner's own statement that they have it. Scope `own` keeps only the owner's
words, so the owner alone can grant it; scope `chat` says that the other person agreed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from data import transcript
from data.archive import Archive, Cursor
from data.errors import ExitCode, UserError
from data.message import Dialog, Message
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

    def allows(self, messages: Iterable[Message]) -> list[Message]:
        """These messages as they may be kept. Whatever writes a chat's messages into the archive asks here, in the
        transaction that writes them."""
        return transcript.within(messages, self.scope)


class Ledger:
    """The records in an archive. Nothing is ever overwritten: a new grant revokes the old record and adds one."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def grant(self, dialog_id: int, scope: Scope, granted_by: str, how: str, now: datetime) -> Consent:
        """Record a consent; it replaces an active one of this dialog. What the archive holds follows at once.

        Scope `own` masks what the other side wrote; `archive.rewrite()`, outside of any transaction, then takes the
        last trace from the disk. After `own`, scope `chat` has the whole history pulled again, over the marks.
        """
        with self._archive.transaction():
            before = self.last(dialog_id)
            self.revoke(dialog_id, now)
            self._archive.db.execute(
                "INSERT INTO consents (dialog_id, scope, granted_at, granted_by, how) VALUES (?, ?, ?, ?, ?)",
                (dialog_id, scope, now.timestamp(), granted_by, how),
            )
            given = Consent(dialog_id, scope, now, granted_by, how)
            if scope is Scope.OWN:
                self._archive.save(given.allows(self._archive.messages(dialog_id)))
            elif before and before.scope is Scope.OWN:
                self._archive.set_cursor(dialog_id, Cursor())
        return given

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
        last = self.last(dialog_id)
        return last if last and last.revoked_at is None else None

    def demand(self, dialog: Dialog) -> Consent:
        """The consent that counts for this dialog now. Raises UserError (exit 7) when there is none."""
        consent = self.of(dialog.id)
        if consent is None:
            raise UserError(
                f"There is no consent on record for {dialog.title}, so it is not pulled.",
                f"Your words alone: doppelgram consent grant {dialog.id} --scope own"
                " (--scope chat when they have agreed)",
                ExitCode.CONSENT,
            )
        return consent

    def last(self, dialog_id: int) -> Consent | None:
        """The newest record of one dialog, whether it still counts or not."""
        return next(iter(self._select("WHERE dialog_id = ? ORDER BY id DESC LIMIT 1", dialog_id)), None)

    def ended(self, scopes: Mapping[int, str]) -> list[int]:
        """Those of these chats, each with the scope it was used in, that may no longer be used so."""
        active = self.active()
        return [
            dialog_id
            for dialog_id, scope in scopes.items()
            if dialog_id not in active or (scope, active[dialog_id].scope) == (Scope.CHAT, Scope.OWN)
        ]

    def history(self) -> list[Consent]:
        """Every record ever made, oldest first."""
        return self._select("ORDER BY id")

    def _select(self, which: str, *values: object) -> list[Consent]:
        rows = self._archive.db.execute(
            f"SELECT dialog_id, scope, granted_at, granted_by, how, revoked_at FROM consents {which}", values
        )
        return [
            Consent(dialog_id, Scope(scope), _moment(granted), by, how, None if revoked is None else _moment(revoked))
            for dialog_id, scope, granted, by, how, revoked in rows
        ]


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
