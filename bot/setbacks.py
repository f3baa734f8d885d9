"""Setbacks: what failed in which chat, a reply that the model could not write or a history that could not be read, and
when it is tried again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FIRST, LONGEST = timedelta(seconds=0.5), timedelta(minutes=1)
TELL = 3
"""The owner is told after so many failures without a success between them."""


@dataclass(slots=True)
class Setbacks:
    """What waits for its next try; what it waits with lies elsewhere, so that a crash of all loses nothing."""

    told: bool = False
    """Whether the owner knows of the present trouble."""
    in_a_row: int = 0
    """Failures in any chat since the last success."""
    _due: dict[int, tuple[int, datetime]] = field(default_factory=dict)

    def met(self, dialog_id: int, now: datetime) -> None:
        """Another failure there: it waits twice as long as the last time."""
        times = self._due[dialog_id][0] + 1 if dialog_id in self._due else 1
        self._due[dialog_id] = times, now + min(LONGEST, FIRST * 2 ** min(times - 1, 20))
        self.in_a_row += 1

    def over(self, dialog_id: int) -> None:
        """It succeeded there."""
        self._due.pop(dialog_id, None)
        self.in_a_row, self.told = 0, False

    def waits(self, dialog_id: int, now: datetime) -> bool:
        """Whether it is too early to try again there. What seems to be due later than any try ever is was noted before
        our clock was set back."""
        return dialog_id in self._due and now < self._due[dialog_id][1] <= now + LONGEST
