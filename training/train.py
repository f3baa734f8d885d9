"""Fine-tune a LoRA adapter on the owner's turns: encode, pack, step, save. Read it from top to bottom.

LoRA goes on every linear layer with a high rate and small batches, as *LoRA Without Regret* (Schulman et al., 2025)
found best for little data. How long, in which order and at which rate says `training.schedule`.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from data import samples
from data.errors import UserError
from data.samples import DatasetCard
from training import adapter as adapters
from training import checkpoint, ranks, schedule
from training.checkpoint import Position
from training.encode import Encoded, Encoder
from training.interrupt import ctrl_c
from training.model import LanguageModel
from training.packing import MicroBatch
from training.schedule import TrainOptions
from training.step import NoMemoryError, NotANumberError, Stepper

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


class Progress(Protocol):
    """Called after each optimizer step."""

    def __call__(self, report: StepReport, /) -> None: ...


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came out. `interrupted`: a checkpoint is saved, `adapter` is None, the same call goes on from it."""

    adapter: adapters.Adapter | None
    interrupted: bool
    steps: int
    tokens: int
    loss_tokens: int
    seconds: float
    tokens_per_second: float
    peak_memory_bytes: int
    losses: tuple[float, ...]
    """Nats per loss token of each step made by this call."""


def train(
    model: LanguageModel,
    dataset: Path,
    out: Path,
    options: TrainOptions,
    progress: Progress = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    measure: Callable[[], Mapping[str, float]] = lambda: {},
    now: Callable[[], float] = time.monotonic,
    date: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> TrainResult:
    """Train an adapter into `out` (its name is the adapter's), or go on with the interrupted training that lies there.

    The model comes without an adapter and leaves with the trained one on. `stop()` and Ctrl-C end it after the
    current step with a checkpoint. `measure()` is called between the last step and the card that makes the folder an
    adapter, and gives the held-out losses that the card tells; what is interrupted there, the same call goes on with
    there. Started by `torchrun`, several processes do all this together: the first one writes, nothing is measured, and
    the network stays sharded (see `ranks`). Raises `UserError` for a dataset that is empty, a loss that is not a
    number, memory that does not hold half a micro-batch, a full disk.
    """
    if (options.minutes, options.epochs, options.max_steps) == (None, None, None):
        raise ValueError("a training needs a budget")
    card = samples.read_card(dataset)
    windows = _encode(model, dataset, options)
    _add_lora(model, options)
    adapter = None
    try:
        result = _steps(model, windows, _key(model, card.hash, options), out, options, progress, stop, now)
        if result.interrupted:
            return result
        losses = {} if ranks.several() else measure()
        made = _card(model, card, out.name, date(), options, result)
        adapter = adapters.save(model, out, replace(made, losses=losses))
        if ranks.first():
            checkpoint.clear(out)
        return replace(result, adapter=adapter)
    finally:
        if adapter is None and not ranks.several():
            adapters.detach(model)


def _steps(
    model: LanguageModel,
    windows: list[Encoded],
    key: str,
    out: Path,
    options: TrainOptions,
    progress: Progress,
    stop: Callable[[], bool],
    now: Callable[[], float],
) -> TrainResult:
    losses_of = ranks.shard(model)
    parameters: dict[str, Tensor] = {n: p for n, p in model.causal.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=options.learning_rate, weight_decay=0.0, fused=True)
    step = Stepper(losses_of, optimizer, list(parameters.values()), options)
    began = here = checkpoint.resume(out, key, parameters, optimizer)
    plan = schedule.plan(windows, options, here.epoch)
    losses: list[float] = []
    saved, within_a_step = now(), False
    model.causal.train()
    try:
        with ctrl_c() as pressed:
            while (used := schedule.used(here, options, len(plan))) < 1.0 and not ranks.anywhere(stop() or pressed()):
                started, within_a_step = now(), True
                batches, rate = plan[here.step_of_epoch], schedule.rate(here.step, used, options)
                losses.append(step(batches, rate, here.step))
                here = _advance(here, batches, ranks.alike(now() - started), len(plan))
                within_a_step = False
                if here.step_of_epoch == 0:
                    plan = schedule.plan(windows, options, here.epoch)
                used = min(1.0, schedule.used(here, options, len(plan)))
                speed = _speed(began, here)
                progress(StepReport(here.step, used, losses[-1], rate, here.tokens, speed, here.seconds))
                if ranks.alike(now() - saved >= CHECKPOINT_SECONDS):
                    checkpoint.save(out, here, parameters, optimizer)
                    saved = now()
            checkpoint.save(out, here, parameters, optimizer)  # also after the last step: measuring may be interrupted
        interrupted = ranks.anywhere(used < 1.0 or pressed())
    except KeyboardInterrupt:
        # The second Ctrl-C: weights and optimizer disagree, or other ranks wait in a step; the last checkpoint stands.
        if within_a_step or ranks.several():
            raise
        interrupted = True
        checkpoint.save(out, here, parameters, optimizer)
    except NotANumberError as error:
        checkpoint.save(out, here, parameters, optimizer)
        raise UserError(
            f"The loss stopped being a number at step {here.step}.",
            "Lower TRAIN__LEARNING_RATE and run it again: it goes on from just before that step.",
        ) from error
    except NoMemoryError as error:
        at_once = options.at_once or options.micro_batch_tokens
        if not ranks.several():  # the others wait in the step and take no part in saving
            checkpoint.save(out, here, parameters, optimizer)
        raise UserError(
            f"The memory ran out at step {here.step}"
            + (", with half the tokens at a time too." if step.halved else "."),
            f"Run it again with DOPPELGRAM_TRAIN__MICRO_BATCH_TOKENS={max(64, at_once // 4)}: it goes on from there."
            " Or choose a smaller model with --base.",
        ) from error
    finally:
        model.causal.eval()
    return TrainResult(
        adapter=None,
        interrupted=interrupted,
        steps=here.step,
        tokens=here.tokens,
        loss_tokens=here.loss_tokens,
        seconds=here.seconds,
        tokens_per_second=_speed(Position(key), here),
        peak_memory_bytes=_peak_memory(),
        losses=tuple(losses),
    )


def _speed(began: Position, here: Position) -> float:
    return (here.tokens - began.tokens) / max(here.seconds - began.seconds, 1e-9)


def _card(
    model: LanguageModel, data: DatasetCard, name: str, date: datetime, options: TrainOptions, result: TrainResult
) -> adapters.Card:
    made = {"steps": result.steps, "tokens": result.tokens, "seconds": round(result.seconds, 1)}
    return adapters.Card(
        name=name,
        created_at=date.isoformat(timespec="seconds"),
        base=model.identity.base,
        revision=model.identity.revision,
        template=model.identity.template,
        tokenizer=model.identity.tokenizer,
        quantization=model.identity.quantization,
        dataset=data.hash,
        chats=data.chats,
        window=data.window,
        zone=data.zone,
        pause=data.pause,
        silence=data.silence,
        scopes=data.scopes,
        training=asdict(options) | made,
    )


def _encode(model: LanguageModel, dataset: Path, options: TrainOptions) -> list[Encoded]:
    encoder = Encoder(model.tokenizer)
    encoded = encoder.samples(samples.each(dataset, "train"), options.window_tokens)
    windows = [window for window in encoded if window.loss_tokens]
    if not windows:
        raise UserError("The dataset holds no message of yours to learn from.", "Run: doppelgram pull, then build")
    return windows


def _add_lora(model: LanguageModel, options: TrainOptions) -> None:
    from peft import LoraConfig, get_peft_model

    if model.adapted is not None:
        raise ValueError("the model already carries an adapter")
    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",  # the head is not among them
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), adapters.peft_warnings():
        torch.manual_seed(options.seed)
        model.adapted = get_peft_model(model.causal, config)


def _key(model: LanguageModel, dataset: str, options: TrainOptions) -> str:
    """What must be equal to go on with a checkpoint: all but the budget, the rate, and what is computed at a time."""
    fixed = replace(options, minutes=None, epochs=None, max_steps=None, learning_rate=0.0, at_once=None)
    parts = [asdict(fixed), model.identity.as_json(), dataset]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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


def _peak_memory() -> int:
    """Bytes: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
