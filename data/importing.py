"""An export of Telegram Desktop -> archive: with the same consent, the same values and the same ids as a pull.

What is here already stays, unless the export holds a later edit of it or the words where the archive has only a mark.
So a file may be imported twice, before a pull or after it, and whatever part of it was read is not lost.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from data import transcript
from data.archive import Archive, Saved
from data.consent import Ledger
from data.desktop_export import MIGRATED_SHIFT, Account, Export, Line
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Message, Person

BATCH = 1000
"""Messages of one transaction."""
_YOURS = "Export the chat from your own Telegram Desktop."


@dataclass(slots=True)
class Imported:
    """What one import did."""

    chats: int = 0
    skipped_without_consent: int = 0
    new: int = 0
    edited: int = 0
    known: int = 0
    """Messages that the archive had already."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Messages that are never kept, by reason."""

    def add(self, saved: Saved) -> None:
        """Count what one batch changed."""
        self.new += saved.new
        self.edited += saved.edited


@dataclass(slots=True)
class Importer:
    """Takes one export in. `progress` is called after each batch with the bytes read and the chat's title."""

    archive: Archive
    progress: Callable[[int, str], None]
    report: Imported = field(default_factory=Imported)
    _batch: list[Message] = field(default_factory=list)
    _people: dict[int, Person] = field(default_factory=dict)
    _chat: Dialog | None = None
    _refused: Dialog | None = None

    def take_in(self, export: Export, owner_id: int | None) -> Imported:
        """Read the whole file. Raises UserError when it is somebody else's, no export, or ends in the middle; and
        (exit 7) when it holds one chat and that has no consent."""
        listed = 0
        for part in export.parts(owner_id):
            if isinstance(part, Account):
                _demand_same(part.user_id, owner_id)
            elif isinstance(part, Dialog):
                listed += 1
                self._open(part, owner_id)
            else:
                self._line(part, owner_id)
            if len(self._batch) >= BATCH:
                self._save()
                self.progress(export.read, self._chat.title if self._chat else "")
        self._save()
        if listed == 1 and self.report.skipped_without_consent and self._refused:
            Ledger(self.archive).demand(self._refused)
        return self.report

    def _open(self, chat: Dialog, owner_id: int | None) -> None:
        self._save()
        self._chat = None
        known = self.archive.dialog(chat.id)  # a login knows more of it than an export
        for each in (chat, known or chat):
            if not each.may_be_kept:
                self.report.left_out["protected chats" if each.protected else f"{each.kind} chats"] += 1
                return
        if chat.kind is not Kind.SELF:
            _demand_not_me(chat, owner_id)
        if chat.kind is Kind.GROUP and owner_id is None:
            raise UserError(
                "This export does not say whose it is, so nobody knows which messages of the group are yours.",
                "Log in first: doppelgram login. Or export the whole account.",
                ExitCode.NOT_LOGGED_IN,
            )
        if known is None:
            self.archive.save_dialogs([chat])
        if Ledger(self.archive).of(chat.id) is None:
            self.report.skipped_without_consent += 1
            self._refused = chat
            return
        self._chat = chat
        self.report.chats += 1

    def _line(self, line: Line, owner_id: int | None) -> None:
        if self._chat is None:
            return
        if line.message is None:
            self.report.left_out[line.left_out or "unreadable"] += 1
            return
        if line.sender and line.sender.id != owner_id:
            if self._chat.kind is Kind.GROUP:
                self._people[line.sender.id] = line.sender
            elif owner_id is not None and line.sender.id != self._chat.id and not line.message.service:
                raise UserError("This export is of a chat between two other people.", _YOURS)
        self._batch.append(self._at_home(line.message))

    def _at_home(self, message: Message) -> Message:
        """A message of before the migration under the old group's id, if that is known."""
        if message.id >= 0:
            return message
        old = next((d.id for d in self.archive.dialogs() if d.migrated_to == message.dialog_id), None)
        if old is None:
            return message
        return replace(message, dialog_id=old, id=message.id - MIGRATED_SHIFT)

    def _save(self) -> None:
        if not self._batch:
            return
        chat, batch = self._chat, self._batch
        self._batch = []
        assert chat is not None
        with self.archive.transaction():
            consent = Ledger(self.archive).demand(chat)  # it may have been taken back since the file was opened
            fresh = [message for message in consent.allows(batch) if self._is_news(message)]
            self.report.known += len(batch) - len(fresh)
            self.report.add(self.archive.save(fresh))
            self.archive.save_people(self._people.values())
        self._people.clear()

    def _is_news(self, message: Message) -> bool:
        here = self.archive.message(message.dialog_id, message.id)
        if here is None:
            return True
        later = message.edited_at is not None and (here.edited_at is None or message.edited_at > here.edited_at)
        return later or (transcript.is_mark(here) and not transcript.is_mark(message))


def _demand_same(user_id: int, owner_id: int | None) -> None:
    if owner_id is not None and user_id != owner_id:
        raise UserError(
            "This is the export of another account than the one that is logged in here.",
            "Export it from your own Telegram Desktop, or set DOPPELGRAM_HOME to that person's own folder.",
        )


def _demand_not_me(chat: Dialog, owner_id: int | None) -> None:
    if chat.id == owner_id:
        raise UserError("In this export you are the other side: somebody else made it.", _YOURS)
