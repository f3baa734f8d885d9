"""The schedule of a training: how long, in which order, at which rate.

The budget is a time, a number of epochs or a number of steps, whichever is used up first, and the learning rate
follows the used share of it, so a slow machine finishes its schedule as a fast one does.
"""

import math
from dataclasses import dataclass

from training import packing
from training.checkpoint import Position
from training.encode import CONTEXT_TOKENS, Encoded
from training.packing import MicroBatch

ROW_TOKENS = {"cpu": 256, "cuda": 4096}
"""Tokens of a micro-batch by kind of device: more makes a CPU no faster, and a GPU would idle with less."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train. At least one of `minutes`, `epochs` and `max_steps` must be set."""

    minutes: float | None = None
    """Time of the optimizer steps alone: loading, encoding and evaluation come on top."""
    epochs: float | None = None
    max_steps: int | None = None
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    dropout: float = 0.0
    warmup_steps: int = 8
    clip: float = 1.0
    window_tokens: int = CONTEXT_TOKENS
    """Longest window; longer ones lose turns from their left."""
    micro_batch_tokens: int = 256
    at_once: int | None = None
    """Most tokens computed at a time: a micro-batch with more is split. It changes the memory taken and nothing else,
    so a training can go on with another."""
    format_weight: float = 0.2
    """What a message boundary or turn end counts beside a token of text. They are learned within a few steps, and at
    full weight they take that much from the words: 0.2 was measured to leave a lower loss on text."""
    step_loss_tokens: int = 1
    """Micro-batches are accumulated until a step has this many tokens with loss."""
    seed: int = 1


def plan(windows: list[Encoded], options: TrainOptions, epoch: int) -> list[tuple[MicroBatch, ...]]:
    """The optimizer steps of one epoch."""
    seed = options.seed * 1_000_003 + epoch
    batches = packing.rich_first(packing.micro_batches(windows, options.micro_batch_tokens, seed=seed), seed)
    return packing.steps(batches, options.step_loss_tokens)


def used(here: Position, options: TrainOptions, steps_of_epoch: int) -> float:
    """The used share of the budget. A step that would end past the time by more than half of itself is not begun."""
    shares = [0.0]
    if options.minutes is not None:
        half = here.seconds / here.step / 2 if here.step else 0.0
        limit = options.minutes * 60
        shares.append(1.0 if here.seconds + half >= limit else here.seconds / limit)
    if options.epochs is not None:
        shares.append((here.epoch + here.step_of_epoch / steps_of_epoch) / options.epochs)
    if options.max_steps is not None:
        shares.append(here.step / options.max_steps)
    return max(shares)


def rate(step: int, share: float, options: TrainOptions) -> float:
    """Warm up, then fall along a cosine to nothing at `share` 1."""
    warm = min(1.0, (step + 1) / options.warmup_steps) if options.warmup_steps else 1.0
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * share))
