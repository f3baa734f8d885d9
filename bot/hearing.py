"""What happens in the chats, noted in rows. An event may come twice, late, or only as part of a reading of history: the
same rows follow, and hearing something again changes nothing.

Whatever the owner or the other side does wins over what the twin has in mind: a reply that is being written is stopped,
a suggestion ends, and what still waits for an answer is asked anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.calling import Calling
from bot.echoes import Emit
from bot.inbox import Inbox, Outcome
from bot.notices import Notices
from bot.outbox import Outbox
from bot.suggestion import NOT_BEGUN, OPEN, State, Suggestion, Suggestions
from bot.writing import Writing
from data.archive import Archive
from data.consent import Ledger
from data.message import CHANNELS, Message


@dataclass(slots=True)
class Hearing:
    """Where it is noted. The caller has made sure that the twin listens to the chat, and keeps nothing of it but what
    its consent allows."""

    archive: Archive
    inbox: Inbox
    notices: Notices
    suggestions: Suggestions
    outbox: Outbox
    writing: Writing
    emit: Emit
    now: Callable[[], datetime]
    expire: timedelta = timedelta(hours=3)

    @property
    def calling(self) -> Calling:
        """Who may be answered in a group."""
        return self.outbox.gate.calling

    def incoming(self, message: Message) -> None:
        """The other side wrote. Whoever may be in danger is noted in the same moment."""
        self.archive.save([message])
        if not self._waits(message):
            return
        with self.inbox.live.transaction():
            if not self.inbox.add(message.dialog_id, message.id, message.said, self.now(), message.topic_id):
                return
            self.notices.look(message.dialog_id, message.id, message.said)
            if self.outbox.clocks.age(message.sent_at) > self.expire:  # an update, or a reading, brought it late
                self.inbox.settle_one(message.dialog_id, message.id, Outcome.EXPIRED)
        self.writing.outdate(message.dialog_id)
        self.emit("incoming", dialog=message.dialog_id, message=message.id)

    def _waits(self, message: Message) -> bool:
        """Whether it is to be answered: somebody calls for us, or goes on with it while it waits."""
        if message.dialog_id >= 0:
            return message.asks
        if self._was_before_the_consent(message):
            return False
        open_ = (self.archive.message(*row) for row in self.inbox.open_rows() if row[0] == message.dialog_id)
        return self.calling.to_us(message) or any(asked and self.calling.adds(message, asked) for asked in open_)

    def _was_before_the_consent(self, message: Message) -> bool:
        """Whether a member of a group had not agreed when this was written: then it is history."""
        agreed = Ledger(self.archive).member(message.dialog_id, message.sender_id or 0)
        return agreed is None or self.outbox.clocks.here(message.sent_at) <= agreed.granted_at

    def own(self, message: Message) -> None:
        """Something of ours appeared in a chat, from whichever device: the twin's own echo, or the owner."""
        if self.outbox.echoes.ours(message):
            return
        if self.archive.message(message.dialog_id, message.id) is None:
            self.archive.save([message])
            self.writing.outdate(message.dialog_id)
        self._owner_answered(message)

    def withheld(self, dialog_id: int, message_id: int, text: str, *, mine: bool) -> None:
        """A message that may not be kept. Nothing of it is, but that it was written counts: an owner's is an answer,
        the other side's makes outdated what waits there, and words of danger in it are heard. In a group it calls
        for nobody."""
        if dialog_id < 0 and not mine:
            return
        reason = "the owner answered" if mine else "a newer message"
        with self.inbox.live.transaction():
            if not mine:
                if not self.inbox.add(dialog_id, message_id, "", self.now()):
                    return
                self.notices.look(dialog_id, message_id, text)
            ended = self.inbox.settle(dialog_id, message_id, Outcome.OWNER_ANSWERED if mine else Outcome.WITHHELD)
            for suggestion in self.suggestions.in_state(*OPEN, dialog_id=dialog_id):
                if suggestion.upto_id < message_id:
                    ended += self.end(suggestion, State.OWNER_ANSWERED if mine else State.SUPERSEDED)
            for suggestion in self.suggestions.in_state(*NOT_BEGUN, dialog_id=dialog_id):
                if suggestion.upto_id < message_id:
                    ended += self._call_back(suggestion, reason)
            self.outbox.cancel_dialog(dialog_id, message_id, reason)
        if ended or not mine:
            self.writing.outdate(dialog_id)
            self.emit("owner_answered" if mine else "withheld", dialog=dialog_id, message=message_id)

    def edited(self, message: Message) -> None:
        """A text changed. A suggestion for it is made anew."""
        self.archive.save([message])
        if not message.mine:
            self._compare(message)

    def _compare(self, message: Message) -> None:
        with self.inbox.live.transaction():
            if self.inbox.changed(message.dialog_id, message.id, message.said):
                self.notices.look(message.dialog_id, message.id, message.said)
                self._again(message.dialog_id, message.id)

    def deleted(self, ids: Iterable[int], of: int | None = None) -> None:
        """Messages vanished. Of a supergroup Telegram says where; ids are unique among all other chats."""
        gone = set(ids)

        def concerned(dialog_id: int) -> bool:
            return dialog_id > CHANNELS if of is None else dialog_id == of

        busy = self.writing.dialog_id
        if busy is not None and concerned(busy) and any(self.archive.message(busy, each) for each in gone):
            self.writing.outdate(busy)
        self.archive.delete(of, gone)
        with self.inbox.live.transaction():
            for dialog_id, message_id in self.inbox.open_rows():
                if message_id in gone and concerned(dialog_id):
                    self._again(dialog_id, message_id)
                    self.inbox.settle_one(dialog_id, message_id, Outcome.DELETED)

    def read(self, dialog_id: int, messages: Sequence[Message]) -> None:
        """The recent messages of a chat as a reading of its history left them in the archive. What the inbox lacks is
        taken in, however often an earlier reading was interrupted between the archive and here."""
        for message in messages:
            if message.service or not (message.mine or message.asks):
                continue  # a call or a new title is nothing that is answered in writing
            if message.mine:
                if not message.by_twin and not self.outbox.echoes.ours(message):
                    self._owner_answered(message)
            elif self.inbox.has(dialog_id, message.id):
                self._compare(message)
            else:
                self.incoming(message)
        rows = [message_id for dialog, message_id in self.inbox.open_rows() if dialog == dialog_id]
        self.deleted((each for each in rows if self.archive.message(dialog_id, each) is None), dialog_id)

    def typing(self, dialog_id: int) -> None:
        """The other side is writing."""
        self.inbox.typing(dialog_id, self.now())

    def in_box(self, dialog_id: int) -> list[int]:
        """The suggestions that lie in the input box of a chat: one, or none."""
        offered = self.suggestions.in_state(State.OFFERED, dialog_id=dialog_id)
        return [each.id for each in offered if each.surface == "draft"]

    def draft_cleared(self, lay_there: Iterable[int]) -> None:
        """The owner emptied the input box without sending: a no to what we had put there, and to nothing that was put
        there since."""
        for suggestion in map(self.suggestions.get, lay_there):
            if suggestion and suggestion.state is State.OFFERED:
                self.end(suggestion, State.SKIPPED)

    def _owner_answered(self, message: Message) -> None:
        dialog_id = message.dialog_id
        self.outbox.cancel_dialog(dialog_id, message.id, "the owner answered")
        n = self.inbox.settle(dialog_id, message.id, Outcome.OWNER_ANSWERED)
        for suggestion in self.suggestions.in_state(*OPEN, dialog_id=dialog_id):
            if suggestion.upto_id < message.id:
                # What the owner really said is the label of what we proposed.
                self.end(suggestion, State.OWNER_ANSWERED, final=[message.text])
        if n:
            self.writing.outdate(dialog_id)
            self.emit("owner_answered", dialog=dialog_id, messages=n)

    def _again(self, dialog_id: int, message_id: int) -> None:
        self.writing.outdate(dialog_id)
        for suggestion in self.suggestions.in_state(*OPEN, dialog_id=dialog_id):
            if suggestion.upto_id >= message_id and self.end(suggestion, State.SUPERSEDED):
                self.inbox.reopen(suggestion.id)
        for suggestion in self.suggestions.in_state(*NOT_BEGUN, dialog_id=dialog_id):
            if suggestion.upto_id >= message_id and self._call_back(suggestion, "what it answers was changed"):
                self.inbox.reopen(suggestion.id)

    def _call_back(self, suggestion: Suggestion, reason: str) -> bool:
        """Cancel what was decided on, as long as nothing of it has been sent."""
        if suggestion.state is State.PLANNED:
            self.outbox.cancel(suggestion.id, reason)
            now = self.suggestions.get(suggestion.id)
            return now is not None and now.state is State.CANCELLED
        moved = self.suggestions.move(suggestion, State.CANCELLED, self.now())
        if moved:
            self.emit("cancelled", suggestion=suggestion.id, bubbles=0, reason=reason)
        return moved is not None

    def end(self, suggestion: Suggestion, state: State, final: Iterable[str] | None = None) -> bool:
        """End a suggestion nobody decided on; its draft, if untouched, leaves the input box at the next look."""
        moved = self.suggestions.move(suggestion, state, self.now(), final=final) is not None
        if moved:
            self.emit(str(state), dialog=suggestion.dialog_id, suggestion=suggestion.id)
        return moved
