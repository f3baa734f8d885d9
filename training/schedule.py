"""The schedule of a training: how long, in which order, at which rate.

The budget is a time, a number of epochs or a number of steps, whichever is used up first, and the learning rate
follows the used share of it, so a slow machine finishes its schedule as a fast one does. An epoch is counted in tokens
with loss, and so is the warm-up: however they fall into micro-batches and steps.
"""

import math
from dataclasses import dataclass, replace

from training import packing
from training.encode import CONTEXT_TOKENS, Encoded
from training.fit import Averages, Checkpointing, Method
from training.packing import MicroBatch
from training.position import Position
from training.way import Way

WARMUP_ROWS = 8
"""Micro-batches over which the rate rises, when 40 % of their tokens carry loss."""
WARMUP_MOST = 0.1
"""The share of the budget by which the rate has risen, however short it is."""
FEWEST_STEPS = 32
"""Of a pass, where a step is a number of windows: a small dataset has smaller steps, not two or three of them."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train. At least one of `minutes`, `epochs` and `max_steps` must be set."""

    minutes: float | None = None
    """Time of the optimizer steps alone: loading, encoding and evaluation come on top."""
    epochs: float | None = None
    max_steps: int | None = None
    method: Method = "lora"
    """`full` learns every weight of the network, the others LoRA weights beside it."""
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    dropout: float = 0.0
    warmup_loss_tokens: int = 800
    """Tokens with loss over which the rate rises, or the first tenth of the budget, if that is shorter."""
    clip: float = 1.0
    window_tokens: int = CONTEXT_TOKENS
    """Longest window; longer ones lose turns from their left."""
    micro_batch_tokens: int = 256
    at_once: int | None = None
    """Most tokens computed at a time: a micro-batch with more is split. It changes the memory taken and nothing else,
    so a training can go on with another."""
    checkpointing: Checkpointing = "off"
    """Which layers' activations are computed twice. It, too, changes the memory taken and nothing else."""
    averages: Averages = "fp32"
    """How AdamW keeps its averages of the gradients."""
    format_weight: float = 0.2
    """What a message boundary or turn end counts beside a token of text. They are learned within a few steps, and at
    full weight they take that much from the words: 0.2 was measured to leave a lower loss on text."""
    step_loss_tokens: int = 1
    """Micro-batches are accumulated until a step has this many tokens with loss."""
    step_windows: int | None = None
    """Instead: as many as this number of windows have on the mean, but at most a 32nd of a pass."""
    warmup_share: float | None = None
    """Instead of `warmup_loss_tokens`: this share of what all epochs have."""
    seed: int = 1

    def for_windows(self, windows: list[Encoded]) -> "TrainOptions":
        """The same with what depends on the dataset worked out."""
        total, found = loss_tokens(windows), self
        if self.step_windows:
            step = min(self.step_windows * total / len(windows), total / FEWEST_STEPS)
            found = replace(found, step_loss_tokens=max(1, round(step)))
        if self.warmup_share is not None:
            warmup = self.warmup_share * total * (self.epochs or 1.0)
            found = replace(found, warmup_loss_tokens=max(1, round(warmup)))
        return found

    def computed(self, way: Way) -> "TrainOptions":
        """The same, computed in this way."""
        return replace(self, at_once=way.at_once, checkpointing=way.checkpointing, averages=way.averages)


def loss_tokens(windows: list[Encoded]) -> int:
    """Tokens with loss of one pass."""
    return sum(window.loss_tokens for window in windows)


def plan(windows: list[Encoded], options: TrainOptions, epoch: int) -> list[tuple[MicroBatch, ...]]:
    """The optimizer steps of one epoch."""
    seed = options.seed * 1_000_003 + epoch
    batches = packing.rich_first(packing.micro_batches(windows, options.micro_batch_tokens, seed=seed), seed)
    return packing.steps(batches, options.step_loss_tokens)


def used(here: Position, options: TrainOptions, pass_loss_tokens: int) -> float:
    """The used share of the budget. A step that would end past the time by more than half of itself is not begun."""
    shares = [0.0]
    if options.minutes is not None:
        half = here.seconds / here.step / 2 if here.step else 0.0
        limit = options.minutes * 60
        shares.append(1.0 if here.seconds + half >= limit else here.seconds / limit)
    if options.epochs is not None:
        shares.append(here.loss_tokens / (options.epochs * pass_loss_tokens))
    if options.max_steps is not None:
        shares.append(here.step / options.max_steps)
    return max(shares)


def rate(options: TrainOptions, share: float, learned: int) -> float:
    """The rate of a step: it warms up, then falls along a cosine to nothing at `share` 1.

    `share` is that of the budget used before the step, `learned` the tokens with loss up to its end.
    """
    warm = max(learned / max(1, options.warmup_loss_tokens), share / WARMUP_MOST)
    return options.learning_rate * min(1.0, warm) * 0.5 * (1 + math.cos(math.pi * share))
