"""Windows into micro-batches: neighbours in length share a rectangle, so that almost nothing is padding.

Attention is causal and the padding stands on the right, so it needs no mask and no window ever sees another one: the
fast path of scaled dot-product attention serves on every device. A whole epoch is cut anew from its seed each time.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.encode import Encoded, Kind

JITTER = 0.05
"""How far, relative to its length, a window may stray from its place in the order of lengths: it changes who shares a
micro-batch from epoch to epoch, for a few per cent of padding."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Windows that are computed together."""

    windows: tuple[Encoded, ...]

    @property
    def width(self) -> int:
        """Length of the longest window."""
        return max(len(window.ids) for window in self.windows)

    @property
    def tokens(self) -> int:
        """Tokens of the windows, padding apart."""
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


def micro_batches(windows: Sequence[Encoded], tokens: int, seed: int | None = None) -> list[MicroBatch]:
    """All windows, each once, in rectangles of at most `tokens` cells; a longer window gets one of its own.

    With a seed the rectangles differ and come in random order; without one, shortest first.
    """
    chance = random.Random(seed)
    stray = JITTER if seed is not None else 0.0
    order = sorted(windows, key=lambda window: len(window.ids) * (1 + chance.uniform(-stray, stray)))
    batches: list[MicroBatch] = []
    row: list[Encoded] = []
    for window in order:
        width = max(len(other.ids) for other in [*row, window])
        if row and width * (len(row) + 1) > tokens:
            batches.append(MicroBatch(tuple(row)))
            row = []
        row.append(window)
    if row:
        batches.append(MicroBatch(tuple(row)))
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
