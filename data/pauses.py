"""How long a silence must be to mean something: fitted to the owner's own gaps, or fixed where there are few. Pure.

People who write several messages in one breath leave gaps of seconds inside it and of minutes or hours between two.
On a logarithmic scale that makes two hills, and the valley between them is where one breath ends (the same holds for
conversations, some hills further up). A valley counts only within sane bounds and when it is really one; otherwise
the fixed value stands.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pauses:
    """The two thresholds. The live client must use those of its adapter's dataset, or turns would be cut otherwise."""

    pause: timedelta = timedelta(minutes=5)
    """A gap this long ends a turn, even when the same side goes on, and is marked in the transcript."""
    silence: timedelta = timedelta(hours=1)
    """A gap this long ends a conversation."""


FIXED = Pauses()
PAUSE_BOUNDS = timedelta(minutes=1), timedelta(minutes=15)
SILENCE_BOUNDS = timedelta(minutes=20), timedelta(hours=6)
ENOUGH = 300
"""Gaps on each side of a valley below which it is chance."""
DEPTH = 0.8
"""A valley is at most this high, relative to the lower of the hills beside it."""
_BINS_PER_DOUBLING = 2
_SMOOTH = (1, 2, 3, 2, 1)


def fit(bursts: Mapping[int, int], answers: Mapping[int, int]) -> Pauses:
    """The owner's thresholds from counts of gaps in whole seconds: `bursts` between two own messages with nothing in
    between, `answers` before any message in the owner's chats."""
    pause = valley(bursts, *PAUSE_BOUNDS) or FIXED.pause
    silence = valley(answers, *SILENCE_BOUNDS) or FIXED.silence
    return Pauses(pause, silence)


def valley(gaps: Mapping[int, int], low: timedelta, high: timedelta) -> timedelta | None:
    """The lowest place between two hills of the log-gap histogram, within bounds; None where there is no such place."""
    counts = [0] * (_bin(7 * 86_400) + 1)
    for seconds, count in gaps.items():
        counts[min(_bin(max(1, seconds)), len(counts) - 1)] += count
    inside = range(_bin(low.total_seconds()), _bin(high.total_seconds()) + 1)
    smooth = _smoothed(counts)
    lowest = min(inside, key=lambda place: (smooth[place], place))
    left, right = max(smooth[:lowest], default=0.0), max(smooth[lowest + 1 :], default=0.0)
    if min(sum(counts[:lowest]), sum(counts[lowest + 1 :])) < ENOUGH or smooth[lowest] > DEPTH * min(left, right):
        return None
    at = timedelta(seconds=round(2 ** ((lowest + 0.5) / _BINS_PER_DOUBLING)))
    return min(max(at, low), high)


def _bin(seconds: float) -> int:
    return int(math.log2(seconds) * _BINS_PER_DOUBLING)


def _smoothed(counts: list[int]) -> list[float]:
    reach = len(_SMOOTH) // 2
    padded = [0] * reach + counts + [0] * reach
    return [
        sum(weight * padded[place + step] for step, weight in enumerate(_SMOOTH)) / sum(_SMOOTH)
        for place in range(len(counts))
    ]
