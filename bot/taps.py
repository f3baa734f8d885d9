"""What a tap on a card does, and what a text does that the owner writes in answer to one. Knows no Telethon.

The same rows and the same compare-and-set as in the terminal: whoever is first wins, and the others are told so.
"""

from dataclasses import dataclass
from datetime import timedelta

from bot import face
from bot.cards import Cards, Placed
from bot.control import Control
from bot.echoes import Emit
from bot.face import Act, Tap
from bot.review import Card, Review
from bot.silence import pause
from bot.suggestion import Suggestion

WRITE_WITHIN = timedelta(minutes=10)
"""After a tap on Edit. Later a message is about something else, and must not reach a contact."""
PAUSED = "The twin is paused, so nothing is sent. /resume first."
NOT_TEXT = "Only a text of your own can be sent this way. Nothing was sent."
TOO_LONG = f"That is longer than one message on Telegram ({face.LONGEST}). Nothing was sent."
NOT_TAKEN = "Nothing was sent. To send your own version: Edit on a card, or answer the card."


@dataclass(slots=True)
class Taps:
    """Decisions made in the bot's chat."""

    review: Review
    cards: Cards
    control: Control
    emit: Emit

    def tap(self, data: bytes | None, message_id: int) -> str:
        """A button was pressed; returns what to say. Whatever it holds came from outside."""
        tap = Tap.of(data)
        suggestion = self.review.suggestions.get(tap.suggestion_id) if tap else None
        if tap is None or suggestion is None:
            return "This card is outdated."
        self.cards.found(suggestion.id, message_id)
        self.cards.leave()
        if tap.act is Act.OFF:  # the safe way is open from every card, however old
            return self._off(suggestion)
        card = self._waits(suggestion.id, tap.revision)
        if card is None:
            return self._outdated(suggestion.id)
        if tap.act is Act.SKIP:
            return self._decided(card, "Skipped.", self.review.skip(card))
        if self.control.paused(self.review.now()):
            return PAUSED
        if tap.act is Act.SEND:
            return self._decided(card, "On its way.", self.review.approve(card))
        if tap.act is Act.ANOTHER:
            return self._decided(card, "Another one is written.", self.review.another(card))
        self.cards.edit(suggestion.id, self.review.now() + WRITE_WITHIN)
        return f"Write your version here, within {WRITE_WITHIN.seconds // 60} minutes."

    def text(self, text: str, answers: int | None, *, own: bool) -> str:
        """The owner wrote something that is no command; `answers` is the message that it replies to, `own` whether it
        is a plain text of theirs. Returns what to say, nothing when the card itself says it."""
        placed = self.cards.of_message(answers) if answers else self.cards.edited(self.review.now(), WRITE_WITHIN)
        if placed is None:
            return NOT_TAKEN
        if not own or not text.strip():
            return NOT_TEXT
        self.cards.leave()  # whatever comes of this text, the next one is not meant for the same card
        if face.length(text) >= face.LONGEST:
            return TOO_LONG
        card = self._shown(placed)
        if card is None:
            return self._outdated(placed.suggestion_id)
        if self.control.paused(self.review.now()):
            return PAUSED
        return self._decided(card, "", self.review.edit(card, [text]))

    def writing(self, placed: Placed) -> bool:
        """Whether the owner's next message is their version of this one."""
        edited = self.cards.edited(self.review.now(), WRITE_WITHIN)
        return edited is not None and edited.suggestion_id == placed.suggestion_id

    def _waits(self, suggestion_id: int, revision: int) -> Card | None:
        card = self.review.card(suggestion_id)
        return card if card and card.suggestion.revision == revision else None

    def _shown(self, placed: Placed) -> Card | None:
        """The card as it stands there."""
        revision = placed.shown.partition(":")[0]
        return self._waits(placed.suggestion_id, int(revision)) if revision.isdigit() else None

    def _decided(self, card: Card, said: str, done: bool) -> str:
        if not done:
            return self._outdated(card.suggestion.id)
        after = self.review.suggestions.get(card.suggestion.id)
        state = str(after.state) if after else "gone"
        self.emit(
            "decided", dialog=card.suggestion.dialog_id, suggestion=card.suggestion.id, state=state, surface="companion"
        )
        return said

    def _outdated(self, suggestion_id: int) -> str:
        suggestion = self.review.suggestions.get(suggestion_id)
        if suggestion is None or self.review.card(suggestion_id):
            return "Outdated. Something newer happened there."
        return f"Outdated. {face.outcome(suggestion)}"

    def _off(self, suggestion: Suggestion) -> str:
        title = self.review.card_of(suggestion).title
        pause(self.review.inbox.live, suggestion.dialog_id, self.review.now())
        self.emit("switched_off", dialog=suggestion.dialog_id, surface="companion")
        return f"{title[:60]}: off. The twin is silent there until you say /mode {title[:60]} ask"
