"""Has a chat earned `auto`? Only the owner's own decisions count: how often a suggestion was sent just as it was."""

from dataclasses import dataclass

from bot.decision import Decision, decision
from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions

OFFERS = 20
"""How many suggestions the owner must have decided on."""
ACCEPTED = 0.8
"""Which share of them must have been sent unchanged."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the owner decided in one chat."""

    offers: int
    accepted: int

    def __str__(self) -> str:
        """As part of a sentence."""
        return f"of {self.offers} suggestions you sent {self.accepted} as they were"

    @property
    def earned(self) -> bool:
        """Whether that unlocks `auto`."""
        return self.offers >= OFFERS and self.accepted >= ACCEPTED * self.offers


def record(live: LiveDb, dialog_id: int) -> Record:
    """Count this chat's decided suggestions. What was sent automatically says nothing about the owner."""
    every = Suggestions(live).in_state(*State, dialog_id=dialog_id)
    decided = [made for made in map(decision, every) if made]
    return Record(len(decided), decided.count(Decision.ACCEPTED))
