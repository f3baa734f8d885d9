"""What a training has learned beyond its own windows: measured twice a pass on held-out ones.

The weights that were best there are the ones that are kept, and a whole pass that brought nothing is the last: three
passes over a few chats can be one too many. A training that ends within its first half pass has nothing to choose from.
"""

import random
from collections.abc import Sequence

import torch

from training import packing, ranks, shortage
from training.encode import Encoded
from training.schedule import TrainOptions
from training.step import NoMemoryError

PER_PASS = 2
PATIENCE = PER_PASS
"""Measurements in a row that did not get better: then it ends."""
MOST = 64
"""Windows that are read, so that measuring costs a few hundredths of a pass."""

History = Sequence[tuple[int, float]]
"""After which step what loss was measured."""


class Validation:
    """The loss that training lowers, on windows that it does not see."""

    def __init__(self, losses: ranks.Losses, windows: Sequence[Encoded], options: TrainOptions) -> None:
        chosen = list(windows)
        if len(chosen) > MOST:
            chosen = random.Random(options.seed).sample(chosen, MOST)
        self._losses, self._options = losses, options
        self._batches = packing.micro_batches(chosen, options.at_once or options.micro_batch_tokens)

    def __bool__(self) -> bool:
        """Whether there is anything to measure on."""
        return bool(self._batches)

    def loss(self) -> float:
        """Weighted nats per loss token. Every rank computes all of it, since each holds a share of the weights.

        Where the memory does not hold it, half as much is read at a time from then on. Raises `NoMemoryError`.
        """
        nats = self._nats()
        if nats is None and not ranks.several():  # other ranks would wait for this one
            self._batches = [half for batch in self._batches for half in batch.halves()]
            nats = self._nats()
        if nats is None:
            raise NoMemoryError(whole=True)
        weight = self._options.format_weight
        return float(ranks.alike(nats / sum(batch.weight(weight) for batch in self._batches)))

    def _nats(self) -> float | None:
        """Summed over all windows; None where the memory ran out."""
        causal = self._losses.causal
        causal.eval()
        try:
            with torch.no_grad():
                return sum(float(self._losses(batch, self._options.format_weight)) for batch in self._batches)
        except (MemoryError, RuntimeError) as error:
            if not shortage.is_meant(error):
                raise
        finally:
            causal.train()
            ranks.reshard(self._losses)
        shortage.free()
        return None


def is_due(before: int, after: int, pass_loss_tokens: int) -> bool:
    """Whether a step, from so many loss tokens of the training to so many, crossed a half of a pass."""
    return after * PER_PASS // pass_loss_tokens > before * PER_PASS // pass_loss_tokens


def best(history: History) -> int | None:
    """After which step the loss was lowest, None without any."""
    return min(history, key=lambda each: each[1])[0] if history else None


def is_over(history: History) -> bool:
    """Whether the last measurements have all been worse than one before them."""
    return len(history) > PATIENCE and best(history) not in [step for step, _ in history[-PATIENCE:]]
