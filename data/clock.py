"""What a clock in the owner's zone shows, for many moments at a time. Pure.

The zone is asked once per quarter of an hour, not once per message: an offset changes a few times a year.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import numpy as np

_QUARTER, _DAY, _HOUR, _MINUTE, _SECOND = 900_000_000, 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
_MINUTES = [f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60)]
_SECONDS = [f"{second:02}" for second in range(60)]


class Clock:
    """Of one time zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[int, str] | None] = {}
        """By quarter of an hour: microseconds east of Greenwich and how that is written; None where it changes."""
        self._days: dict[int, str] = {}

    def read(self, at: Sequence[int]) -> tuple[list[int], list[str]]:
        """The hour of each of these moments, and each as `datetime.isoformat` writes it. They are in microseconds since
        1970."""
        moments = np.array(at, dtype=np.int64)
        quarters, of = np.unique(moments // _QUARTER, return_inverse=True)
        found = [self._offset(quarter) for quarter in quarters.tolist()]
        shifts = np.array([each[0] if each else 0 for each in found], dtype=np.int64)
        days, inside = np.divmod(moments + shifts[of], _DAY)
        minutes, rest = np.divmod(inside, _MINUTE)
        seconds, parts = np.divmod(rest, _SECOND)
        written = [
            f"{self._day(day)}{_MINUTES[minute]}{_SECONDS[second]}{f'.{part:06}' if part else ''}{found[place][1]}"
            if found[place]
            else ""
            for day, minute, second, part, place in zip(
                days.tolist(), minutes.tolist(), seconds.tolist(), parts.tolist(), of.tolist(), strict=True
            )
        ]
        hours: list[int] = (minutes // 60).tolist()
        for place in (n for n, text in enumerate(written) if not text):
            moment = datetime.fromtimestamp(at[place] / 1e6, self._zone)
            hours[place], written[place] = moment.hour, moment.isoformat()
        return hours, written

    def _day(self, day: int) -> str:
        if day not in self._days:
            self._days[day] = str(np.datetime64(day, "D"))
        return self._days[day]

    def _offset(self, quarter: int) -> tuple[int, str] | None:
        if quarter not in self._offsets:
            begins, ends = (
                datetime.fromtimestamp((quarter * _QUARTER + each) / 1e6, self._zone) for each in (0, _QUARTER - 1)
            )
            shift = begins.utcoffset()
            same = shift is not None and shift == ends.utcoffset() and not shift.microseconds
            self._offsets[quarter] = (
                (round(shift.total_seconds()) * _SECOND, begins.isoformat()[19:])
                if shift is not None and same
                else None
            )
        return self._offsets[quarter]
