"""The shelf: the cards in the bot's chat, kept true. What newly waits gets a card, and a card says what became of its
suggestion, whichever surface decided. Works from rows, so that a look after any absence puts everything right.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot import face
from bot.cards import Cards, Placed
from bot.outbox import Outbox
from bot.suggestion import State, Suggestion
from bot.taps import Taps

SPACE = 0.5
"""Seconds between two new cards: Telegram wants about one message a second in a chat."""
FIRST, LONGEST = 1.0, 60.0
"""Seconds until a card that could not be sent is tried again; each try waits twice as long as the one before."""
Write = Callable[[int, str, Suggestion | None], Awaitable[bool]]
"""Changes a message of the bot's: its id, the text, and whose buttons it has; False when that must be tried later."""


@dataclass(slots=True)
class Shelf:
    """All cards of one bot."""

    taps: Taps
    outbox: Outbox
    _rest: float = field(default=FIRST, init=False)
    _not_before: float = field(default=0.0, init=False)

    @property
    def cards(self) -> Cards:
        """The rows."""
        return self.taps.cards

    async def look(self, write: Write, buttons: Callable[[Suggestion], Any]) -> None:
        """Bring every card up to date, then show what has none. Raises what `write` raises."""
        for placed in self.cards.open():
            await self._refresh(placed, write)
        for suggestion in self.taps.review.rows():
            there = self.cards.of(suggestion.id)
            if there is None or not there.shown:
                if asyncio.get_running_loop().time() < self._not_before:
                    return
                if not await self._place(suggestion, buttons):
                    self._not_before = asyncio.get_running_loop().time() + self._rest
                    self._rest = min(LONGEST, 2 * self._rest)
                    return
                self._rest = FIRST
                await asyncio.sleep(SPACE)

    def soon(self) -> None:
        """There is a reason to try again at once."""
        self._rest, self._not_before = FIRST, 0.0

    async def _place(self, suggestion: Suggestion, buttons: Callable[[Suggestion], Any]) -> bool:
        """Send a card; False when it did not arrive. Its row, with the `random_id`, comes first."""
        if self.cards.of(suggestion.id) is None:
            self.cards.add(suggestion.id, self._draw())
        placed, card = self.cards.of(suggestion.id), self.taps.review.card(suggestion.id)
        if placed is None or card is None:  # decided on while other cards were sent
            return True
        text, marks = face.waiting(card, writing=False), buttons(card.suggestion)
        message_id = await self.outbox.to_owner(text, placed.random_id, buttons=marks)
        if message_id:
            with self.cards.live.transaction():
                self.cards.found(suggestion.id, message_id)
                self.cards.show(suggestion.id, str(card.suggestion.revision))
        elif message_id == 0:  # its answer was lost, and nobody tells a bot which message it became
            self.cards.add(suggestion.id, self._draw())
        return message_id is not None

    async def _refresh(self, placed: Placed, write: Write) -> None:
        suggestion = self.taps.review.suggestions.get(placed.suggestion_id)
        card = self.taps.review.card(suggestion.id) if suggestion else None
        if suggestion is None:
            wanted, text, last = "forgotten", face.FORGOTTEN, True
        elif card:
            writing = self.taps.writing(placed)
            wanted, last = f"{suggestion.revision}{':edit' if writing else ''}", False
            text = face.waiting(card, writing=writing)
        else:
            going = suggestion.state in face.GOING
            wanted, last = "going" if going else str(suggestion.state), not going and suggestion.state != State.UNKNOWN
            text = face.ended(suggestion, self.outbox.title(suggestion.dialog_id))
        if placed.message_id is None:
            if card:
                return  # it is still to be sent
        elif wanted != placed.shown and not await write(placed.message_id, text, suggestion if card else None):
            return
        if suggestion is None:
            self.cards.remove(placed.suggestion_id)
        elif last or wanted != placed.shown:
            self.cards.show(placed.suggestion_id, wanted, last=last)

    def _draw(self) -> int:
        return self.outbox.rng.getrandbits(63) or 1
