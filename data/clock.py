"""What a clock in the owner's zone shows, for many moments at a time. Pure.

The zone is asked once per day, not once per message: an offset changes a few times a year, and nowhere twice a day.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import numpy as np

_DAY, _HOUR, _SECOND = 86_400_000_000, 3_600_000_000, 1_000_000


class Clock:
    """Of one time zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[int, str] | None] = {}
        """By day in Greenwich: microseconds east of it and how that is written; None where it changes."""

    def read(self, at: Sequence[int]) -> tuple[list[int], list[str]]:
        """The hour of each of these moments, and each as `datetime.isoformat` writes it. They are in microseconds since
        1970."""
        moments = np.array(at, dtype=np.int64)
        days, of = np.unique(moments // _DAY, return_inverse=True)
        found = [self._offset(day) for day in days.tolist()]
        shifts, names = zip(*(each or (0, "") for each in found), strict=True)
        shown = moments + np.array(shifts, dtype=np.int64)[of]
        hours: list[int] = (shown % _DAY // _HOUR).tolist()
        plain = np.datetime_as_string(shown.view("datetime64[us]")).tolist()
        places = of.tolist()
        written = [f"{text.removesuffix('.000000')}{names[day]}" for text, day in zip(plain, places, strict=True)]
        changing = {day for day, each in enumerate(found) if each is None}
        for place in (n for n, day in enumerate(places) if day in changing) if changing else ():
            moment = datetime.fromtimestamp(at[place] / 1e6, self._zone)
            hours[place], written[place] = moment.hour, moment.isoformat()
        return hours, written

    def _offset(self, day: int) -> tuple[int, str] | None:
        if day not in self._offsets:
            begins, ends = (datetime.fromtimestamp((day * _DAY + each) / 1e6, self._zone) for each in (0, _DAY - 1))
            shift = begins.utcoffset()
            same = shift is not None and shift == ends.utcoffset() and not shift.microseconds
            self._offsets[day] = (
                (round(shift.total_seconds()) * _SECOND, begins.isoformat()[19:])
                if shift is not None and same
                else None
            )
        return self._offsets[day]
