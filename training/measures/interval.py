"""How sure a figure is: a bootstrap over conversations within chats, since replies of one evening are not independent.

Two levels (Davison and Hinkley, 1997, 3.8): chats are drawn with replacement, and in each one its conversations. A draw
is a weight per reply, so whatever can be computed from weighted replies has its interval in one matrix product.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

DRAWS = 2000
LEAST_CONVERSATIONS, LEAST_CHATS = 30, 5
"""With fewer there is no figure: an interval over a handful of evenings says nothing."""

Weights = np.ndarray
"""[draws, items], how often each item was drawn."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report, with a 95 % interval; or none, and why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Items behind it: replies, pairs or bundles."""
    conversations: int = 0
    chats: int = 0
    seed: int = 1
    why_none: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def none(why: str, n: int = 0, seed: int = 1) -> Figure:
    """No figure, and why."""
    return Figure(None, n=n, seed=seed, why_none=why)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which conversation and which chat each item belongs to."""

    conversations: tuple[int, ...]
    chats: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.chats)

    def too_few(self) -> str | None:
        """Why there can be no figure, in words; None where there can."""
        talks, chats = len(set(self.conversations)), len(set(self.chats))
        if talks >= LEAST_CONVERSATIONS and chats >= LEAST_CHATS:
            return None
        return (
            f"insufficient data: {talks} conversations in {chats} chats, "
            f"at least {LEAST_CONVERSATIONS} in {LEAST_CHATS} are needed"
        )

    def weights(self, seed: int, draws: int = DRAWS) -> Weights:
        """How often each item stands in each draw, [draws, items]."""
        chance = np.random.default_rng(seed)
        inside: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for item, (conversation, chat) in enumerate(zip(self.conversations, self.chats, strict=True)):
            inside[chat][conversation].append(item)
        found = np.zeros((draws, len(self)))
        drawn = chance.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), size=draws)
        for times, talks in zip(drawn.T, inside.values(), strict=True):
            counts = chance.multinomial(times * len(talks), np.full(len(talks), 1 / len(talks)))
            for count, items in zip(counts.T, talks.values(), strict=True):
                found[:, items] = count[:, None]
        return found


class Clustered(Protocol):
    """Whatever belongs to a conversation."""

    @property
    def conversation(self) -> int:
        """Its number."""


C = TypeVar("C", bound=Clustered)


def spread(some: Sequence[C], most: int, seed: int) -> list[C]:
    """At most `most` of them, of as many conversations as there are: an interval needs conversations. The first of them
    are spread as well as all."""
    mixed = list(some)
    random.Random(seed).shuffle(mixed)
    rounds: Counter[int] = Counter()
    ranked: list[tuple[int, int]] = []
    for place, each in enumerate(mixed):
        ranked.append((rounds[each.conversation], place))
        rounds[each.conversation] += 1
    return [mixed[place] for _, place in sorted(ranked)[:most]]


def figure(clusters: Clusters, of: Callable[[Weights], np.ndarray], seed: int, n: int | None = None) -> Figure:
    """A figure with its interval: `of` gives a number per row of weights, the first call with all weights 1.

    Draws in which the number cannot be formed, as where a class is missing, are NaN and left out.
    """
    items = len(clusters) if n is None else n
    if why := clusters.too_few():
        return none(why, items, seed)
    value = float(of(np.ones((1, len(clusters))))[0])
    if np.isnan(value):
        return none("it cannot be formed from these replies", items, seed)
    low, high = np.nanquantile(of(clusters.weights(seed)), [0.025, 0.975])
    talks, chats = len(set(clusters.conversations)), len(set(clusters.chats))
    return Figure(value, float(low), float(high), items, talks, chats, seed)


def ratio(above: Sequence[float], below: Sequence[float]) -> Callable[[Weights], np.ndarray]:
    """The ratio of two sums over items, as `figure` wants it."""
    top, bottom = np.asarray(above, float), np.asarray(below, float)

    def of(weights: Weights) -> np.ndarray:
        down = weights @ bottom
        return np.divide(weights @ top, down, out=np.full(len(weights), np.nan), where=down != 0)

    return of


def mean(values: Sequence[float]) -> Callable[[Weights], np.ndarray]:
    """The mean over items, as `figure` wants it."""
    return ratio(values, np.ones(len(values)).tolist())
