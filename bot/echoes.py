"""Echoes: outgoing messages as they show up in a chat, and whether the twin or the owner wrote them.

The answer to a send names the message that a bubble became. Words decide only when that answer is lost, since the owner
may have typed the same ones; and no message is ever counted for two bubbles.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.bubbles import Bubble, Bubbles
from bot.clocks import Clocks
from data.archive import Archive
from data.consent import Ledger
from data.message import Message

Emit = Callable[..., None]
NEAR = timedelta(minutes=5)
"""How far the time of a message may lie from that of a send whose answer was lost."""


@dataclass(slots=True)
class Echoes:
    """What was sent, told apart from what the owner typed."""

    bubbles: Bubbles
    archive: Archive
    emit: Emit
    clocks: Clocks
    in_flight: Bubble | None = field(default=None, init=False)
    """The bubble whose answer is awaited at this moment."""
    _undecided: list[Message] = field(default_factory=list, init=False)

    @contextmanager
    def awaiting(self, bubble: Bubble) -> Iterator[None]:
        """While the answer to its send is awaited. What is not the twin's when it has come, or is lost, stands in the
        archive as the owner's own, which stops the rest of the reply."""
        self.in_flight = bubble
        try:
            yield
        finally:
            self.in_flight = None
            undecided, self._undecided = self._undecided, []
            self._save(m for m in undecided if not self.bubbles.of_message(m.dialog_id, m.id))

    def ours(self, message: Message) -> bool:
        """Whether an outgoing message is the twin's. One that may be, while an answer is awaited, is kept until then
        and counts as the twin's so long."""
        if known := self.bubbles.of_message(message.dialog_id, message.id):
            self._keep(known, message.id)  # a crash may have come between the row and the archive
            return True
        bubble = self.bubbles.awaiting(message)
        if bubble is None:
            return False
        if self.in_flight and self.in_flight.id == bubble.id:
            self._undecided.append(message)
            return True
        if self.apart(bubble, message) <= NEAR:
            self.sent(bubble.id, message.id)
            return True
        return False

    def apart(self, bubble: Bubble, message: Message) -> timedelta:
        """The time between a send and a message."""
        attempted = datetime.fromtimestamp(bubble.attempted_at or 0, UTC)
        return abs(message.sent_at - attempted)

    def sent(self, bubble_id: int, message_id: int) -> None:
        """Note a delivery, and that this message is the twin's, so that it is neither the owner answering nor a
        training target."""
        if bubble := self.bubbles.sent(bubble_id, message_id):
            self._keep(bubble, message_id)
            self.emit("sent", dialog=bubble.dialog_id, message=message_id, suggestion=bubble.suggestion_id)

    def _keep(self, bubble: Bubble, message_id: int) -> None:
        if self.archive.message(bubble.dialog_id, message_id):
            self.archive.mark_by_twin(bubble.dialog_id, message_id)
        else:
            now = self.bubbles.now()
            self._save([Message(bubble.dialog_id, message_id, True, now, bubble.text, by_twin=True)])

    def _save(self, messages: Iterable[Message]) -> None:
        """Into the archive, as far as there is a consent: it may have ended while a bubble was on the wire."""
        with self.archive.transaction():
            for message in messages:
                if consent := Ledger(self.archive).of(message.dialog_id):
                    self.archive.save(consent.allows([message]))
