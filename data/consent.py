"""The consent ledger: who allowed what, when and how, and when they took it back.

Telegram's API terms 1.5 allow training on a chat only with the explicit, informed and continued consent of everybody
whose words are used. A record is the owner's own statement that they have it. Scope `own` keeps only the owner's
words, so the owner alone can grant it; scope `chat` says that the other person agreed. In a group each member agrees
alone: scope `chat` covers those who have a record of their own there, and the others' words become marks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from data import transcript
from data.archive import Archive
from data.errors import ExitCode, UserError
from data.message import Dialog, Message
from data.transcript import Scope, masked


@dataclass(frozen=True, slots=True)
class Consent:
    """One record. It counts while `revoked_at` is None."""

    dialog_id: int
    scope: Scope
    granted_at: datetime
    granted_by: str
    how: str
    revoked_at: datetime | None = None
    member_id: int | None = None
    """Whose words it is about, where it is the record of one member of a group."""
    members: frozenset[int] = frozenset()
    """Who agreed in a group, where it is the record of the group."""

    def allows(self, messages: Iterable[Message]) -> list[Message]:
        """These messages as they may be kept. Whatever writes a chat's messages into the archive asks here, in the
        transaction that writes them."""
        if self.dialog_id >= 0:
            return transcript.within(messages, self.scope)
        return [each if self.covers(each.sender_id) and not each.forwarded else masked(each) for each in messages]

    def covers(self, sender_id: int | None) -> bool:
        """Whether it is about the words of this person too, the other side of a private chat or a group's member."""
        return self.scope is Scope.CHAT and (self.dialog_id >= 0 or sender_id in self.members)


class Protected(UserError):
    """A chat that does not allow its content to be saved."""


def demand_keepable(dialog: Dialog) -> None:
    """Raises UserError for what is never kept, whatever anybody agrees to."""
    if dialog.protected:
        raise Protected(
            f"{dialog.title} does not allow its content to be saved, so nothing of it is pulled.",
            "Whoever protects it can lift that in Telegram.",
        )
    if not dialog.may_be_kept:
        raise UserError(
            f"{dialog.title} is {dialog.kind.noun}, not a person.",
            "Consents and pulls are for people, groups and your own notes.",
        )


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
            agreed = self._members(dialog_id) if scope is Scope.CHAT else frozenset[int]()
            self._end(dialog_id, now, also_members=scope is Scope.OWN)
            self._add(dialog_id, scope, granted_by, how, now)
            given = Consent(dialog_id, scope, now, granted_by, how, members=agreed)
            if scope is Scope.OWN:
                self._keep(given)
            elif before and (before.scope is Scope.OWN or before.revoked_at):
                # What was changed while it did not count, or was masked, has to come again.
                self._archive.pull_again(dialog_id)
        return given

    def grant_member(self, dialog_id: int, member_id: int, granted_by: str, how: str, now: datetime) -> Consent:
        """Record that a member of a group agreed; the group is under scope `chat` from then on, and the next pull
        brings their words over the marks."""
        with self._archive.transaction():
            group = self.of(dialog_id)
            if group is None or group.scope is not Scope.CHAT:
                self.grant(dialog_id, Scope.CHAT, granted_by, "of the members who agreed, each alone", now)
            self.revoke_member(dialog_id, member_id, now)
            self._add(dialog_id, Scope.CHAT, granted_by, how, now, member_id)
            self._archive.pull_again(dialog_id)
        return Consent(dialog_id, Scope.CHAT, now, granted_by, how, member_id=member_id)

    def member(self, dialog_id: int, member_id: int) -> Consent | None:
        """What one member of a group agreed to, if that counts now."""
        newest = "WHERE dialog_id = ? AND member_id = ? AND revoked_at IS NULL ORDER BY id DESC LIMIT 1"
        return next(iter(self._select(newest, dialog_id, member_id)), None)

    def revoke(self, dialog_id: int, now: datetime) -> bool:
        """Take back the active consent of a dialog, in a group of every member; returns whether there was one."""
        return self._end(dialog_id, now, also_members=True)

    def revoke_member(self, dialog_id: int, member_id: int, now: datetime) -> bool:
        """Take back what one member of a group agreed to: their words become marks at once. Returns whether there was
        such a record. `archive.rewrite()`, outside of any transaction, then takes the last trace from the disk."""
        with self._archive.transaction():
            done = self._archive.db.execute(
                "UPDATE consents SET revoked_at = ? WHERE dialog_id = ? AND member_id = ? AND revoked_at IS NULL",
                (now.timestamp(), dialog_id, member_id),
            )
            if done.rowcount and (group := self.of(dialog_id)):
                self._keep(group)
        return done.rowcount > 0

    def _add(
        self, dialog_id: int, scope: Scope, granted_by: str, how: str, now: datetime, member_id: int | None = None
    ) -> None:
        self._archive.db.execute(
            "INSERT INTO consents (dialog_id, scope, granted_at, granted_by, how, member_id) VALUES (?, ?, ?, ?, ?, ?)",
            (dialog_id, scope, now.timestamp(), granted_by, how, member_id),
        )

    def _end(self, dialog_id: int, now: datetime, *, also_members: bool) -> bool:
        which = "" if also_members else " AND member_id IS NULL"
        done = self._archive.db.execute(
            f"UPDATE consents SET revoked_at = ? WHERE dialog_id = ? AND revoked_at IS NULL{which}",
            (now.timestamp(), dialog_id),
        )
        return done.rowcount > 0

    def _keep(self, consent: Consent) -> None:
        """Leave in the archive only what this consent allows."""
        self._archive.save(consent.allows(self._archive.messages(consent.dialog_id)))

    def _members(self, dialog_id: int) -> frozenset[int]:
        rows = self._archive.db.execute(
            "SELECT member_id FROM consents WHERE dialog_id = ? AND member_id NOT NULL AND revoked_at IS NULL",
            (dialog_id,),
        )
        return frozenset(member_id for (member_id,) in rows)

    def active(self) -> dict[int, Consent]:
        """The consents that count now, by dialog."""
        active = [each for each in self.history() if each.revoked_at is None and each.member_id is None]
        return {each.dialog_id: self._with_members(each) for each in active}

    def of(self, dialog_id: int) -> Consent | None:
        """The consent that counts for one dialog now, or None."""
        last = self.last(dialog_id)
        return self._with_members(last) if last and last.revoked_at is None else None

    def _with_members(self, consent: Consent) -> Consent:
        return replace(consent, members=self._members(consent.dialog_id)) if consent.dialog_id < 0 else consent

    def demand(self, dialog: Dialog) -> Consent:
        """The consent that counts for this dialog now. Raises UserError (exit 7) when there is none."""
        consent = self.of(dialog.id)
        if consent is None:
            raise UserError(
                f"There is no consent on record for {dialog.title}, so nothing of it is kept.",
                f"Your words alone: doppelgram consent grant {dialog.id} --scope own"
                " (--scope chat when they have agreed)",
                ExitCode.CONSENT,
            )
        return consent

    def last(self, dialog_id: int) -> Consent | None:
        """The newest record of one dialog as a whole, whether it still counts or not."""
        newest = "WHERE dialog_id = ? AND member_id IS NULL ORDER BY id DESC LIMIT 1"
        return next(iter(self._select(newest, dialog_id)), None)

    def ended(self, scopes: Mapping[int, str], since: str = "") -> list[int]:
        """Those of these chats, each with the scope it was used in, that may no longer be used so.

        `since` is when they were read, in ISO format: a member of a group may have taken theirs back after it. Empty
        where nobody knows.
        """
        active, left = self.active(), self._left(since) if since else frozenset[int]()
        return [
            dialog_id
            for dialog_id, scope in scopes.items()
            if dialog_id not in active
            or (scope == Scope.CHAT and (active[dialog_id].scope is Scope.OWN or dialog_id in left))
        ]

    def _left(self, since: str) -> frozenset[int]:
        """The groups in which a member has since taken back what they agreed to, and not agreed anew."""
        rows = self._archive.db.execute(
            "SELECT dialog_id FROM consents AS old WHERE member_id NOT NULL AND revoked_at > ? AND NOT EXISTS"
            " (SELECT 1 FROM consents WHERE (dialog_id, member_id) = (old.dialog_id, old.member_id)"
            " AND revoked_at IS NULL)",
            (datetime.fromisoformat(since).timestamp(),),
        )
        return frozenset(dialog_id for (dialog_id,) in rows)

    def history(self) -> list[Consent]:
        """Every record ever made, oldest first."""
        return self._select("ORDER BY id")

    def _select(self, which: str, *values: object) -> list[Consent]:
        rows = self._archive.db.execute(
            f"SELECT dialog_id, scope, granted_at, granted_by, how, revoked_at, member_id FROM consents {which}", values
        )
        return [
            Consent(chat, Scope(scope), _moment(granted), by, how, None if ended is None else _moment(ended), member)
            for chat, scope, granted, by, how, ended, member in rows
        ]


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
