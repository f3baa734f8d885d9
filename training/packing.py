"""Windows into micro-batches: rows of at most so many tokens, filled best-fit, so that each row costs about the same.

Windows of a row lie one after another without padding (see `attention`). A whole epoch is packed anew from its seed
each time, so that windows meet other windows in every epoch.
"""

import random
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from training.encode import Encoded, Kind


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Windows that are computed together."""

    windows: tuple[Encoded, ...]

    @property
    def tokens(self) -> int:
        """Tokens of the windows."""
        return sum(len(window.ids) for window in self.windows)

    @property
    def loss_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(window.loss_tokens for window in self.windows)

    def weight(self, format_weight: float) -> float:
        """What the tokens that carry loss count: a format token `format_weight`, each as much as its turn."""
        text = sum(window.kinds.count(Kind.TEXT) for window in self.windows)
        lighter = sum(
            (1.0 - window.weights[turn]) * (1.0 if kind == Kind.TEXT else format_weight)
            for window in self.windows
            if window.weights
            for kind, turn in zip(window.kinds, window.turns, strict=True)
            if kind != Kind.CONTEXT and turn in window.weights
        )
        return text + format_weight * (self.loss_tokens - text) - lighter

    def halves(self) -> tuple["MicroBatch", ...]:
        """The same windows as two micro-batches of about half the tokens; a single window stays alone."""
        if len(self.windows) == 1:
            return (self,)
        parts: tuple[list[Encoded], list[Encoded]] = ([], [])
        for window in sorted(self.windows, key=lambda window: -len(window.ids)):
            min(parts, key=lambda part: sum(len(each.ids) for each in part)).append(window)
        return tuple(MicroBatch(tuple(part)) for part in parts)


def micro_batches(windows: Sequence[Encoded], tokens: int, seed: int | None = None) -> list[MicroBatch]:
    """All windows, each once, in rows of at most `tokens` tokens; a longer window gets a row of its own.

    Best fit: each window goes into the fullest row that still has room. With a seed the windows come in random order
    and so do the rows; without one, the longest come first, which fills the rows a little better.
    """
    chance = random.Random(seed)
    order = sorted(windows, key=lambda window: -len(window.ids))
    if seed is not None:
        chance.shuffle(order)
    rows: list[list[Encoded]] = []
    room: list[tuple[int, int]] = []
    """Free tokens and index of each row that has any, in order."""
    for window in order:
        length = len(window.ids)
        place = bisect_left(room, (length, 0))
        if place < len(room):
            free, index = room.pop(place)
            rows[index].append(window)
        else:
            free, index = tokens, len(rows)
            rows.append([window])
        if free > length:
            insort(room, (free - length, index))
    batches = [MicroBatch(tuple(row)) for row in rows]
    if seed is not None:
        chance.shuffle(batches)
    return batches


def rich_first(batches: Sequence[MicroBatch], seed: int) -> list[MicroBatch]:
    """A random order in which micro-batches with many loss tokens per token tend to come early.

    A short budget ends within the first epoch and then has learned from more of the owner's words for the same
    arithmetic. Weighted sampling without replacement (Efraimidis and Spirakis, 2006); the weight is the squared share
    of loss tokens: stronger weights were measured to be worse, as they leave ordinary conversations out.
    """
    chance = random.Random(seed)
    return sorted(batches, key=lambda batch: -(chance.random() ** ((batch.tokens / max(1, batch.loss_tokens)) ** 2)))


def steps(batches: Sequence[MicroBatch], loss_tokens: int) -> list[tuple[MicroBatch, ...]]:
    """Group micro-batches into optimizer steps of `loss_tokens` or more tokens with loss; the last gets the rest."""
    grouped: list[tuple[MicroBatch, ...]] = []
    step: list[MicroBatch] = []
    for batch in batches:
        step.append(batch)
        if sum(other.loss_tokens for other in step) >= loss_tokens:
            grouped.append(tuple(step))
            step = []
    if step:
        grouped.append(tuple(step))
    return grouped
