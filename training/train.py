"""Learn to write like the owner, from their turns: encode, pack, step, save.

LoRA goes on every linear layer with a high rate and small batches, as *LoRA Without Regret* (Schulman et al., 2025)
found best for little data; or every weight of the base is learned (`full`). The steps are in `loop`, how long, in which
order and at which rate says `schedule`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from data import samples
from data.errors import ExitCode, UserError
from data.samples import DatasetCard
from training import adapter as adapters
from training import checkpoint, peak, ranks, recompute, shortage, uncompiled, work
from training.encode import Encoded, Encoder
from training.loop import Loop, Progress
from training.loop import StepReport as StepReport
from training.model import LanguageModel
from training.schedule import TrainOptions
from training.way import Way
from training.work import Work


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
    validation: tuple[tuple[int, float], ...] = ()
    """After which step what loss was measured on held-out windows."""
    best_step: int = 0
    """After which step the weights were as they are kept."""


def train(
    model: LanguageModel,
    dataset: Path,
    out: Path,
    options: TrainOptions,
    progress: Progress = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    measure: Callable[[], Mapping[str, float]] = lambda: {},
    way: Callable[[Work], Way] | None = None,
    now: Callable[[], float] = time.monotonic,
    date: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> TrainResult:
    """Train an adapter into `out` (its name is the adapter's), or go on with the interrupted training that lies there.

    The model comes without an adapter and leaves with the trained one on; of one whose every weight is learned
    (`options.method` is `full`), the network itself leaves changed, also where it is interrupted. `stop()` and Ctrl-C
    end it after the current step with a checkpoint. `measure()` is called between the last step and the card that makes
    the folder an adapter, and gives the held-out losses that the card tells; what is interrupted there, the same call
    goes on with there. `way` says how these windows are computed here; without it the options do. Started by
    `torchrun`, several processes do all this together: the first one writes, nothing is measured, and the network stays
    sharded (see `ranks`). Raises `UserError` for a dataset that is empty, a loss that is not a number, memory that does
    not hold half a micro-batch, a full disk.
    """
    if (options.minutes, options.epochs, options.max_steps) == (None, None, None):
        raise ValueError("a training needs a budget")
    card = samples.read_card(dataset)
    encoder = Encoder(model.tokenizer)
    windows, held_out = _encode(encoder, dataset, ("train", "validation"), options)
    del encoder  # with the words that it remembers
    if not windows:
        raise UserError("The dataset holds no message of yours to learn from.", "Run: doppelgram pull, then build")
    options = options.for_windows(windows)
    if way:
        options = options.computed(way(work.learned(windows)))
    _prepare(model, options)
    adapter = None
    try:
        result = _learn(model, windows, held_out, out, _key(model, card.hash, options), options, progress, stop, now)
        if result.interrupted:
            return result
        losses = {} if ranks.several() else _measured(measure)
        made = _card(model, card, out.name, date(), options, result)
        adapter = adapters.save(model, out, replace(made, losses=losses))
        if ranks.first():
            checkpoint.clear(out)
        return replace(result, adapter=adapter)
    finally:
        recompute.layers(model, "off")
        model.causal.requires_grad_(False)
        if adapter is None and not ranks.several():
            adapters.detach(model)


def _measured(measure: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
    try:
        return measure()
    except (MemoryError, RuntimeError) as error:
        if not shortage.is_meant(error):
            raise
        raise UserError(
            "The memory ran out while the adapter was measured; what was learned is kept.",
            "Close other programs and run it again: it goes on with the measuring.",
        ) from error


def _learn(
    model: LanguageModel,
    windows: list[Encoded],
    held_out: list[Encoded],
    out: Path,
    key: str,
    options: TrainOptions,
    progress: Progress,
    stop: Callable[[], bool],
    now: Callable[[], float],
) -> TrainResult:
    loop = Loop(model, windows, held_out, out, key, options, now)
    interrupted = loop.run(progress, stop)
    best_step = loop.best_step if interrupted else loop.take_best()
    result = TrainResult(
        adapter=None,
        interrupted=interrupted,
        steps=loop.here.step,
        tokens=loop.here.tokens,
        loss_tokens=loop.here.loss_tokens,
        seconds=loop.here.seconds,
        tokens_per_second=loop.speed(),
        peak_memory_bytes=_peak_memory(),
        losses=tuple(loop.losses),
        validation=loop.here.validation,
        best_step=best_step,
    )
    del loop
    shortage.free()  # gradients and averages: what measures next needs room of its own
    return result


def _prepare(model: LanguageModel, options: TrainOptions) -> None:
    """Have the network learn what the method says."""
    if model.adapted is not None or model.tuned:
        raise ValueError("the model already carries an adapter")
    if options.method != "full":
        add_lora(model, options)
    elif model.identity.quantization != "none":
        raise UserError(
            "The weights of a base in 4 or 8 bit cannot be learned.",
            "Use --method qlora, or a base that is not quantised.",
            ExitCode.USAGE,
        )
    else:
        model.causal.requires_grad_(True)
        model.tuned = True
    recompute.layers(model, options.checkpointing)


def _card(
    model: LanguageModel, data: DatasetCard, name: str, date: datetime, options: TrainOptions, result: TrainResult
) -> adapters.Card:
    made = {
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": round(result.seconds, 1),
        "validation": result.validation,
        "best_step": result.best_step,
    }
    return adapters.Card(
        name=name,
        created_at=date.isoformat(timespec="seconds"),
        base=model.identity.base,
        revision=model.identity.revision,
        template=model.identity.template,
        tokenizer=model.identity.tokenizer,
        quantization=model.identity.quantization,
        method=options.method,
        dataset=data.hash,
        built_at=data.built_at,
        chats=data.chats,
        window=data.window,
        zone=data.zone,
        pause=data.pause,
        silence=data.silence,
        scopes=data.scopes,
        training=asdict(options) | made,
    )


def _encode(encoder: Encoder, dataset: Path, splits: Sequence[str], options: TrainOptions) -> Iterable[list[Encoded]]:
    """The windows of each of these parts that have something to learn."""
    windows: dict[str, list[Encoded]] = {split: [] for split in splits}
    for split, window in encoder.parts(dataset, splits, options.window_tokens):
        if window.loss_tokens:
            windows[split].append(window)
    return windows.values()


def add_lora(model: LanguageModel, options: TrainOptions) -> None:
    """Put LoRA as a training begins it onto a model without an adapter."""
    uncompiled.load()
    from peft import LoraConfig

    from training import lora

    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",  # the head is not among them
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), adapters.peft_warnings():
        torch.manual_seed(options.seed)
        model.adapted = lora.put(model.causal, config)


def _key(model: LanguageModel, dataset: str, options: TrainOptions) -> str:
    """What must be equal to go on with a checkpoint: all but the budget, the rate, and what takes memory alone."""
    budget = replace(options, minutes=None, epochs=None, max_steps=None)
    rate = replace(budget, learning_rate=0.0, warmup_loss_tokens=0, warmup_share=None)
    fixed = replace(rate, at_once=None, checkpointing="off")
    parts = [asdict(fixed), model.identity.as_json(), dataset]
    return f"{dataset}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _peak_memory() -> int:
    """Bytes: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return peak.resident()
