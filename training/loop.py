"""The steps of a training, from where it stands to the end of its budget, and what may come between."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from data.errors import UserError
from training import checkpoint, position, precision, ranks, regional, schedule, shortage, validation
from training.encode import Encoded
from training.interrupt import ctrl_c
from training.model import LanguageModel
from training.optimizer import Learner
from training.packing import MicroBatch
from training.position import Position
from training.schedule import TrainOptions
from training.step import NoMemoryError, NotANumberError, Stepper
from training.unpacked import unpacked
from training.validation import Validation

CHECKPOINT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a progress bar shows. `fraction` is the used share of the budget, `loss` in nats per loss token."""

    step: int
    fraction: float
    loss: float
    learning_rate: float
    tokens: int
    tokens_per_second: float
    seconds: float
    validation: float | None = None
    """The same loss on held-out windows, as it was measured last."""


class Progress(Protocol):
    """Called after each optimizer step."""

    def __call__(self, report: StepReport, /) -> None: ...


class Loop:
    """One training. `here` is how far it has come, `losses` are those of the steps that were made here."""

    def __init__(
        self,
        model: LanguageModel,
        windows: list[Encoded],
        held_out: list[Encoded],
        out: Path,
        key: str,
        options: TrainOptions,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take up the newest checkpoint in `out` that has this key. Raises `UserError` where the memory does not hold
        what is learned."""
        self._windows, self._out, self._options, self._now = windows, out, options, now
        self._model, self._pass_tokens = model, schedule.loss_tokens(windows)
        try:
            losses_of = ranks.shard(model)
            parameters: dict[str, Tensor] = {n: p for n, p in model.causal.named_parameters() if p.requires_grad}
            self._learner = Learner(parameters, options.learning_rate, options.averages)
        except (MemoryError, RuntimeError) as error:
            if not shortage.is_meant(error):
                raise
            raise _too_large() from error
        self._step = Stepper(losses_of, self._learner.optimizer, list(parameters.values()), options)
        self._validation = Validation(losses_of, held_out, options)
        self._trial = regional.trial(model, options)
        self._began = self.here = checkpoint.resume(out, key, self._learner)
        self._plan = schedule.plan(windows, options, self.here.epoch)
        self.losses: list[float] = []

    @property
    def ended(self) -> bool:
        """Whether the budget is used up, or a whole pass brought nothing."""
        used = schedule.used(self.here, self._options, self._pass_tokens)
        return used >= 1.0 or validation.is_over(self.here.validation)

    @property
    def best_step(self) -> int:
        """After which step the weights were best on validation; the last where nothing was measured."""
        return validation.best(self.here.validation) or self.here.step

    def run(self, progress: Progress, stop: Callable[[], bool]) -> bool:
        """Make steps until the end, or until `stop()` or Ctrl-C; leave a checkpoint. Whether it was interrupted."""
        saved, within_a_step = self._now(), False
        self._model.causal.train()
        try:
            with ctrl_c() as pressed:
                with unpacked(self._model.causal), precision.mixed(self._model):
                    while not self.ended and not ranks.anywhere(stop() or pressed()):
                        before, within_a_step = self.here, True
                        report = self._next()
                        within_a_step = False
                        progress(report)
                        measured = self._measure(before)
                        if measured or ranks.alike(self._now() - saved >= CHECKPOINT_SECONDS):
                            self._save()
                            saved = self._now()
                    self._save()  # also after the last step: measuring may be interrupted
                # Asked last: it takes a moment until the weights are what they were.
                return ranks.anywhere(not self.ended or pressed())
        except KeyboardInterrupt:
            # The second Ctrl-C: weights and optimizer disagree, or other ranks wait in a step; the last checkpoint
            # stands.
            if within_a_step or ranks.several():
                raise
            self._save()
            return True
        except NotANumberError as error:
            # Not saved: it is these weights that gave no number.
            goes_on = ": it goes on from its last checkpoint" if position.has(self._out, self.here.key) else ""
            raise UserError(
                f"The loss stopped being a number at step {self.here.step}.",
                f"Run it again with DOPPELGRAM_TRAIN__LEARNING_RATE={self._options.learning_rate / 4:g}{goes_on}.",
            ) from error
        except NoMemoryError as error:
            raise self._no_memory(error) from error
        except (MemoryError, RuntimeError) as error:
            if not shortage.is_meant(error):
                raise
            raise _too_large() from error
        finally:
            self._model.causal.eval()

    def take_best(self) -> int:
        """Go back to the weights that were best on validation, where they are kept. After which step the weights are as
        they are now."""
        best, here = self.best_step, self.here
        if best == here.step or checkpoint.take_best(self._out, here.key, best, self._learner):
            return best
        return here.step

    def speed(self, began: Position | None = None) -> float:
        """Tokens a second since a position, without one over the whole training."""
        since = began or Position("")
        return (self.here.tokens - since.tokens) / max(self.here.seconds - since.seconds, 1e-9)

    def _next(self) -> StepReport:
        options, started = self._options, self._now()
        batches, share = self._plan[self.here.step_of_epoch], self._used()
        learned = self.here.loss_tokens + sum(batch.loss_tokens for batch in batches)
        rate = schedule.rate(options, share, learned)
        self.losses.append(self._made(batches, rate))
        self.here = _advance(self.here, batches, ranks.alike(self._now() - started), len(self._plan))
        if self.here.step_of_epoch == 0:
            self._plan = schedule.plan(self._windows, options, self.here.epoch)
        last = self.here.validation[-1][1] if self.here.validation else None
        speed = self.speed(self._began)
        here = self.here
        if self._trial:
            remaining = here.seconds * (1 / max(self._used(), 1e-9) - 1)
            self._trial.told(sum(batch.tokens for batch in batches), self._now() - started, remaining)
        return StepReport(here.step, self._used(), self.losses[-1], rate, here.tokens, speed, here.seconds, last)

    def _made(self, batches: tuple[MicroBatch, ...], rate: float) -> float:
        """The loss of a step, made a second time where compiled layers fail: an error of theirs comes before any weight
        is changed."""
        try:
            return self._step(batches, rate, self.here.step)
        except (NotANumberError, NoMemoryError):
            raise
        except Exception:
            if not (self._trial and self._trial.failed()):
                raise
        return self._step(batches, rate, self.here.step)

    def _used(self) -> float:
        return min(1.0, schedule.used(self.here, self._options, self._pass_tokens))

    def _measure(self, before: Position) -> bool:
        """Read the validation set where a half of a pass is done, and at the end if it was read before."""
        due = validation.is_due(before.loss_tokens, self.here.loss_tokens, self._pass_tokens)
        if not self._validation or not (due or (self.here.validation and self.ended)):
            return False
        measured = (self.here.step, self._validation.loss())
        self.here = replace(self.here, validation=(*self.here.validation, measured))
        if self.best_step == self.here.step:
            checkpoint.keep_best(self._out, self.here, self._learner)
        return True

    def _save(self) -> None:
        checkpoint.save(self._out, self.here, self._learner)

    def _no_memory(self, error: NoMemoryError) -> UserError:
        said = f"The memory ran out at step {self.here.step}"
        if not error.whole:  # the last checkpoint stands
            return UserError(
                f"{said}, in the optimizer.",
                "Close other programs and run it again: it goes on from its last checkpoint. Or choose a smaller model "
                "with --base, or --method qlora.",
            )
        if not ranks.several():  # the others wait in the step and take no part in saving
            self._save()
        at_once = self._options.at_once or self._options.micro_batch_tokens
        longest = max(len(window.ids) for window in self._windows)
        tried = at_once if ranks.several() else at_once // 2
        # Below the longest window fewer at a time change nothing: it is computed whole.
        less = f"Run it again with --micro-batch-tokens {at_once // 4}" if longest < tried else ""
        place = "its last checkpoint" if ranks.several() else "there"
        hint = (
            f"{less or 'Close other programs and run it again'}: it goes on from {place}."
            " Or choose a smaller model with --base, or --method qlora."
        )
        return UserError(said + (", with half the tokens at a time too." if self._step.halved else "."), hint)


def _too_large() -> UserError:
    return UserError(
        "The memory does not hold the model and what training keeps beside it.",
        "Choose a smaller model with --base, or --method qlora.",
    )


def _advance(here: Position, batches: tuple[MicroBatch, ...], seconds: float, steps_of_epoch: int) -> Position:
    last = here.step_of_epoch + 1 == steps_of_epoch
    return replace(
        here,
        step=here.step + 1,
        epoch=here.epoch + last,
        step_of_epoch=0 if last else here.step_of_epoch + 1,
        seconds=here.seconds + seconds,
        tokens=here.tokens + sum(batch.tokens for batch in batches),
        loss_tokens=here.loss_tokens + sum(batch.loss_tokens for batch in batches),
    )
