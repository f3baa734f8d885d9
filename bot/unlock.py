"""Has a chat earned `auto`? Only the owner's own decisions count: how often a suggestion was sent just as it was."""

from dataclasses import dataclass

from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions

OFFERS = 20
"""How many suggestions the owner must have decided on."""
ACCEPTED = 0.8
"""Which share of them must have been sent unchanged."""

_TAKEN = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING, State.SENT, State.UNKNOWN)
_REFUSED = (State.SKIPPED, State.OWNER_ANSWERED)


@dataclass(frozen=True, slots=True)
class Record:
    """What the owner decided in one chat."""

    offers: int
    accepted: int

    @property
    def earned(self) -> bool:
        """Whether that unlocks `auto`."""
        return self.offers >= OFFERS and self.accepted >= ACCEPTED * self.offers


def record(live: LiveDb, dialog_id: int) -> Record:
    """Count this chat's decided suggestions. What was sent automatically says nothing about the owner."""
    decided = [
        suggestion
        for suggestion in Suggestions(live).in_state(*_TAKEN, *_REFUSED, dialog_id=dialog_id)
        if suggestion.surface != "auto"
    ]
    taken = [s for s in decided if s.state in _TAKEN and (s.final is None or s.final == s.texts)]
    return Record(len(decided), len(taken))
