"""One optimizer step, and what may go wrong in it: a loss that is not a number, memory that runs out."""

import math

import torch
from torch import Tensor

from training import ranks, shortage
from training.packing import MicroBatch, micro_batches
from training.schedule import TrainOptions


class NotANumberError(Exception):
    """The loss or its gradient overflowed. The weights are still those from before the step."""


class NoMemoryError(Exception):
    """A step does not fit, its passes not in halves either. `whole` says whether the weights are still those from
    before the step: where it was the optimizer that ran out, some may be changed and others not."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.whole = whole


class Stepper:
    """Makes the steps of one training. Once the passes of a step did not fit, it and all later ones go in micro-batches
    of half the size: the same step, as its loss is a sum."""

    def __init__(
        self,
        losses: ranks.Losses,
        optimizer: torch.optim.Optimizer,
        parameters: list[Tensor],
        options: TrainOptions,
    ) -> None:
        self._losses, self._optimizer, self._parameters, self._options = losses, optimizer, parameters, options
        self.halved = False

    def __call__(self, batches: tuple[MicroBatch, ...], rate: float, number: int) -> float:
        """One step on the weighted mean over its loss tokens, however they fell into micro-batches: that mean.

        `number` counts the steps of the training. Raises `NotANumberError` and `NoMemoryError`.
        """
        total = self._gradients(batches, number)
        if total is None and not self.halved and not ranks.several():  # other ranks would wait for this one
            self.halved = True
            total = self._gradients(batches, number)
        if total is None:
            raise NoMemoryError(whole=True)
        total = ranks.total(total)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._options.clip)
        if not (math.isfinite(total) and math.isfinite(float(ranks.whole(norm)))):
            raise NotANumberError
        if not self._step(rate):
            raise NoMemoryError(whole=False)
        return total

    def _gradients(self, batches: tuple[MicroBatch, ...], number: int) -> float | None:
        """The loss of this rank's part, its gradient left at the parameters; None where the memory ran out."""
        try:
            return self._passes(batches, number)
        except (MemoryError, RuntimeError) as error:
            if not shortage.is_meant(error):
                raise
        self._clear()
        shortage.free()
        return None

    def _passes(self, batches: tuple[MicroBatch, ...], number: int) -> float:
        options, device, total = self._options, self._losses.causal.device, 0.0
        count = sum(batch.weight(options.format_weight) for batch in batches)
        parts = self._parts(batches)
        self._clear()
        with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
            torch.manual_seed(options.seed * 1_000_003 + number)  # dropout's, so that a resumed training repeats it
            for batch, times in ranks.share(parts, options.at_once or options.micro_batch_tokens):
                loss = self._losses(batch, options.format_weight) / count
                (loss * times).backward()
                total += float(loss.detach()) * (times > 0)
        return total

    def _step(self, rate: float) -> bool:
        """Whether the optimizer had memory enough. Fewer tokens at a time would not give it any: by now the passes hold
        nothing but the gradients."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        try:
            self._optimizer.step()
        except (MemoryError, RuntimeError) as error:
            if not shortage.is_meant(error):
                raise
        else:
            return True
        self._clear()
        shortage.free()
        return False

    def _clear(self) -> None:
        """Not the optimizer's: it may step on copies of the parameters."""
        for parameter in self._parameters:
            parameter.grad = None

    def _parts(self, batches: tuple[MicroBatch, ...]) -> tuple[MicroBatch, ...]:
        """What is computed at a time: the loss is a sum, so it makes no difference to the step."""
        if limit := self._options.at_once:
            batches = tuple(part for batch in batches for part in micro_batches(batch.windows, limit))
        return tuple(half for batch in batches for half in batch.halves()) if self.halved else batches
