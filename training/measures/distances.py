"""How far the twin's style lies from the owner's, feature by feature, in units of the owner's own drift.

Kinds are compared by the Jensen-Shannon distance (base 2, 0 to 1), lengths by Kolmogorov and Smirnov's D (0 to 1) and
by the Wasserstein distance of their logarithms. All three read nothing but how often each value was counted, so a
whole bootstrap is a product of matrices.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training import style
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, Weights, figure
from training.style import Reply

LEAST = 30
"""Replies of a side below which a distance is chance."""
LENGTHS: dict[str, Callable[[Reply], Iterable[float]]] = {
    "length": lambda reply: (np.log1p(len(text)) for text in _said(reply)),
    "burst": lambda reply: [np.log1p(len(reply))] if reply else [],
}
KINDS: dict[str, Callable[[str], str]] = {
    "punctuation": style.ending,
    "casing": style.casing,
    "emoji": style.has_emoji,
    "questions": style.asks,
    "language": style.script,
}
Apart = Callable[[Weights, Weights], np.ndarray]
"""From how often each reply of either side is drawn, [draws, replies], to the distance in each draw, [draws]."""


@dataclass(frozen=True, slots=True)
class Distance:
    """One feature's distance. `times_drift` is None where the owner does not drift at all."""

    feature: str
    measure: str
    twin: Figure
    drift: float
    impostor: float | None
    times_drift: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"twin": self.twin.as_json()}


def between(one: Sequence[Reply], other: Sequence[Reply]) -> dict[tuple[str, str], float]:
    """All distances of two sides' replies, by feature and measure. Raises `ValueError` below `LEAST` replies a side."""
    whole = np.ones((1, len(one))), np.ones((1, len(other)))
    return {key: float(apart(*whole)[0]) for key, apart in measures(one, other).items()}


def compare(
    early: Sequence[Reply],
    late: Sequence[Reply],
    some: Sequence[Exchange],
    twin: Sequence[Reply],
    impostor: Sequence[Reply],
    seed: int = 1,
) -> list[Distance]:
    """The twin against the real replies to the same contexts, `some`, beside the owner's drift and another person.
    Raises `ValueError` as `between`."""
    real = [each.reply for each in some]
    clusters = Clusters(tuple(each.conversation for each in some), tuple(each.dialog for each in some))
    drift = between(early, late)
    theirs = between(real, impostor) if len(impostor) >= LEAST else {}
    found = []
    for (feature, measure), apart in measures(real, twin).items():

        def of(weights: Weights, apart: Apart = apart) -> np.ndarray:
            return apart(weights, weights)

        figured, own = figure(clusters, of, seed), drift[feature, measure]
        times = figured.value / own if figured.value is not None and own > 0 else None
        found.append(Distance(feature, measure, figured, own, theirs.get((feature, measure)), times))
    return found


def measures(one: Sequence[Reply], other: Sequence[Reply]) -> dict[tuple[str, str], Apart]:
    """By feature and measure, what gives the distance in each draw. Raises `ValueError` as `between`."""
    if min(sum(map(bool, side)) for side in (one, other)) < LEAST:
        raise ValueError("too few replies")
    found: dict[tuple[str, str], Apart] = {}
    for name, lengths in LENGTHS.items():
        counted, values = _count([list(map(lengths, side)) for side in (one, other)])
        found[name, "KS"] = _apart(counted, _kolmogorov_smirnov)
        found[name, "Wasserstein"] = _apart(counted, _wasserstein(np.array(values, float)))
    for name, kind in KINDS.items():
        counted, _ = _count([[map(kind, _said(reply)) for reply in side] for side in (one, other)])
        found[name, "JS"] = _apart(counted, _jensen_shannon)
    return found


def _said(reply: Reply) -> list[str]:
    return [text for text in reply if text.strip()]


def _count(sides: Sequence[Sequence[Iterable[Hashable]]]) -> tuple[list[np.ndarray], list[Any]]:
    """How often each value stands in each reply, [replies, values] of each side, and the values in their order."""
    listed = [[list(reply) for reply in side] for side in sides]
    values: list[Any] = sorted({value for side in listed for reply in side for value in reply})
    place = {value: column for column, value in enumerate(values)}
    tables = [np.zeros((len(side), len(values))) for side in listed]
    for table, side in zip(tables, listed, strict=True):
        for row, reply in enumerate(side):
            for value in reply:
                table[row, place[value]] += 1
    return tables, values


def _apart(counted: Sequence[np.ndarray], of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Apart:
    """From weights to shares of the values, [draws, values] of each side, to distances."""

    def apart(*weights: Weights) -> np.ndarray:
        summed = [each @ table for each, table in zip(weights, counted, strict=True)]
        with np.errstate(invalid="ignore"):  # a draw without a message has no shares: NaN, which is left out
            one, other = (each / each.sum(axis=1, keepdims=True) for each in summed)
        return of(one, other)

    return apart


def _kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    largest: np.ndarray = np.abs(np.cumsum(one - other, axis=1)).max(axis=1)
    return largest


def _wasserstein(values: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def of(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        between_values: np.ndarray = np.abs(np.cumsum(one - other, axis=1))[:, :-1] @ np.diff(values)
        return between_values

    return of


def _jensen_shannon(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import jensenshannon

    with np.errstate(invalid="ignore"):  # of equal shares rounding may leave something below nothing to draw a root of
        found: np.ndarray = jensenshannon(one, other, base=2, axis=1)
    equal = np.isclose(one, other).all(axis=1)
    return np.where(equal, 0.0, found)
