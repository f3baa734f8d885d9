"""What waits for the owner, and the four things one can do with it: in the terminal and on the page.

It works on the rows alone, so it may run beside `doppelgram run`, which sends what was approved here. If another
surface was faster, or a newer message came, the answer is "outdated" and nothing happens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.inbox import Inbox
from bot.suggestion import OPEN, State, Suggestion, Suggestions
from data.archive import Archive
from data.message import Message

if TYPE_CHECKING:
    from bot.desk import Desk

WAITING = (State.HELD, State.OFFERED)
CONTEXT = 3
"""How many messages of the chat are shown above a suggestion."""


@dataclass(frozen=True, slots=True)
class Card:
    """One waiting suggestion as it is shown."""

    suggestion: Suggestion
    title: str
    context: tuple[Message, ...]


@dataclass(slots=True)
class Review:
    """The waiting suggestions of one home."""

    archive: Archive
    suggestions: Suggestions
    inbox: Inbox
    now: Callable[[], datetime]
    surface: str = "terminal"
    """Where the owner decides."""
    expire: timedelta | None = None
    """How old a suggestion may become, where no client runs that ends it."""

    @classmethod
    def of(cls, desk: "Desk", surface: str) -> "Review":
        """The one of a home, for a process that may run without a client."""
        limits = desk.settings.live
        inbox = Inbox(desk.live, timedelta(seconds=limits.debounce_seconds))
        expire = timedelta(minutes=limits.expire_minutes)
        return cls(desk.archive, Suggestions(desk.live), inbox, lambda: desk.now, surface, expire)

    def waiting(self) -> list[Card]:
        """What waits for the owner here, oldest first. What lies in an input box is decided there: sent from both
        places it would go out twice."""
        return [self.card_of(each) for each in self.rows()]

    def rows(self) -> list[Suggestion]:
        """The same without their chats, which takes a thousandth of the time."""
        return [each for each in self.suggestions.in_state(*WAITING) if self._waits(each)]

    def open(self) -> list[Suggestion]:
        """What is not decided anywhere yet: waiting here, in a box, or about to be shown."""
        return [each for each in self.suggestions.in_state(*OPEN) if not self._too_old(each)]

    def in_boxes(self) -> list[Suggestion]:
        """What waits in the input boxes of the owner's apps, to be decided on there."""
        return [each for each in self.suggestions.in_state(*WAITING) if each.surface == "draft"]

    def card(self, suggestion_id: int) -> Card | None:
        """One that still waits, by its number."""
        found = self.suggestions.get(suggestion_id)
        return self.card_of(found) if found and self._waits(found) else None

    def _waits(self, each: Suggestion) -> bool:
        """Whether it is decided on here."""
        return each.state in WAITING and each.surface != "draft" and not self._too_old(each)

    def _too_old(self, each: Suggestion) -> bool:
        return self.expire is not None and abs(self.now() - each.created_at) > self.expire

    def card_of(self, suggestion: Suggestion) -> Card:
        """A suggestion with the end of its chat."""
        dialog = self.archive.dialog(suggestion.dialog_id)
        asked = self.archive.message(suggestion.dialog_id, suggestion.upto_id)
        thread = self.archive.thread(suggestion.dialog_id, asked.topic_id if asked else None, 40)
        before = [message for message in thread if message.id <= suggestion.upto_id]
        return Card(suggestion, dialog.title if dialog else str(suggestion.dialog_id), tuple(before[-CONTEXT:]))

    def approve(self, card: Card) -> bool:
        """Send it as it is; False when it is outdated."""
        return self._decide(card, State.APPROVED)

    def edit(self, card: Card, texts: Sequence[str]) -> bool:
        """Send the owner's own version; False when it is outdated."""
        return self._decide(card, State.EDITED, texts)

    def skip(self, card: Card) -> bool:
        """Send nothing; False when it is outdated."""
        return self._decide(card, State.SKIPPED)

    def another(self, card: Card) -> bool:
        """Ask for a different one; False when it is outdated."""
        with self.inbox.live.transaction():
            decided = self._decide(card, State.SUPERSEDED)
            if decided:
                self.inbox.reopen(card.suggestion.id)
        return decided

    def _decide(self, card: Card, state: State, texts: Sequence[str] | None = None) -> bool:
        if self.inbox.overtakes(card.suggestion):
            return False
        return self.suggestions.move(card.suggestion, state, self.now(), final=texts, surface=self.surface) is not None
