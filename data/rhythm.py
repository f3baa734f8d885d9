"""When the owner writes: gaps between the messages of one turn, and how long an answer takes, by chat and by hour.

Beside the dataset as `rhythm.json`, for the live part: quantiles in seconds, no words. Delays of the twin do not count.
"""

import json
from array import array
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
FEWEST = 20
"""Below this a chat or an hour has no rhythm of its own."""
RHYTHM = "rhythm.json"
Times = NDArray[np.int64]
Delays = defaultdict[int, "array[float]"]


def _series() -> "array[float]":
    return array("f")


class Rhythm:
    """Collects gaps while turns pass by."""

    def __init__(self) -> None:
        self._gaps = _series()
        self._by_chat: Delays = defaultdict(_series)
        self._by_hour: Delays = defaultdict(_series)

    def wrote(self, dialog_id: int, gaps: Times, delays: Times, hours: NDArray[np.int64]) -> None:
        """In own turns: the gaps between their messages, in microseconds; how long after the other side's last message
        those began that answer one, and in which hour of the owner's zone."""
        self._gaps.extend((gaps / 1e6).tolist())
        self._by_chat[dialog_id].extend((delays / 1e6).tolist())
        for hour in np.unique(hours).tolist():
            self._by_hour[hour].extend((delays[hours == hour] / 1e6).tolist())

    def add(self, other: "Rhythm") -> None:
        """The gaps of other chats."""
        self._gaps.extend(other._gaps)
        for mine, more in ((self._by_chat, other._by_chat), (self._by_hour, other._by_hour)):
            for key, delays in more.items():
                mine[key].extend(delays)

    def as_json(self) -> dict[str, Any]:
        """Counts and quantiles. `all` stands in for a chat or an hour that has none of its own."""
        every = _series()
        for delays in self._by_chat.values():
            every.extend(delays)
        return {
            "quantiles": QUANTILES,
            "bubble_seconds": _summary(self._gaps),
            "reply_seconds": {
                "all": _summary(every),
                "by_chat": _enough(self._by_chat),
                "by_hour": _enough(self._by_hour),
            },
        }


@dataclass(frozen=True, slots=True)
class Gaps:
    """The owner's gaps between two messages of one turn, as quantiles in seconds."""

    quantiles: tuple[float, ...]
    at: tuple[float, ...]

    @classmethod
    def of(cls, dataset: Path) -> "Gaps | None":
        """From the file beside a dataset; None where there is none, a damaged one, or too few gaps in it."""
        try:
            told = json.loads((dataset / RHYTHM).read_text(encoding="utf-8"))
            gaps = told["bubble_seconds"]
            made = cls(tuple(map(float, told["quantiles"])), tuple(map(float, gaps["at"])))
            enough = int(gaps["n"]) >= FEWEST and len(made.quantiles) == len(made.at) > 0
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return made if enough and list(made.at) == sorted(made.at) and made.at[0] >= 0 else None

    def draw(self, chance: float) -> float:
        """One of them, for a number drawn evenly from 0..1: straight lines between the quantiles, nothing beyond."""
        after = bisect_right(self.quantiles, chance)
        if after in (0, len(self.quantiles)):
            return self.at[0 if after == 0 else -1]
        low, high = self.quantiles[after - 1], self.quantiles[after]
        part = (chance - low) / (high - low)
        return self.at[after - 1] + part * (self.at[after] - self.at[after - 1])


def _enough(series: Delays) -> dict[str, Any]:
    return {str(key): _summary(series[key]) for key in sorted(series) if len(series[key]) >= FEWEST}


def _summary(values: "array[float]") -> dict[str, Any]:
    ordered = np.sort(np.array(values)).tolist()
    at = [round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) for q in QUANTILES] if ordered else []
    return {"n": len(ordered), "at": at}
