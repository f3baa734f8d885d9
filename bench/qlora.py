"""QLoRA on one GPU: our losses against a reference, then tokens a second and peak memory of every side.

Each side gets the same invented conversations, its own network of random weights, and makes whole optimizer steps. The
sides take turns; the median of the rounds counts.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bench import conversations, networks, trainers
from bench.conversations import Conversation
from bench.features import Bench, NotMeasuredError, demand
from bench.trainers import Trainer
from training import attention, fit, machine, recompute, way
from training.fit import Checkpointing
from training.machine import Machine
from training.model import LanguageModel
from training.optimizer import Learner
from training.work import Work

CONVERSATIONS = 1_600
LARGE = 8192
"""Real tokens of a micro-batch, at most."""
MODEST = Machine("", round(12e9 / (1 - fit.RESERVE)), 1e14)
"""In the 24 GB setting a 7B may take 12 GB, by the formula of `plan`."""
WORK = Work(1_000_000, conversations.OWN_SHARE, conversations.LONGEST, conversations.MEAN)
FAILURES = (RuntimeError, ValueError, TypeError, AttributeError, ImportError)
"""What one side's failing looks like: memory that runs out, or a version of a library that lacks what it takes."""
WARM, TIMED = 2, 8
"""Optimizer steps: those before the clock runs, and those that it counts."""
PARITY_STEPS, PARITY_LAYERS = 20, 4


@dataclass(frozen=True, slots=True)
class Side:
    """One way to train: what goes through the network at a time, of how many of these a step is made."""

    trainer: Trainer
    tokens: int = 0
    accumulate: int = 1
    checkpointing: Checkpointing = "off"
    upcast: bool = False
    """Everything that is not in 4 bit becomes fp32 (`prepare_model_for_kbit_training`), as the old recipe has it."""
    paged: bool = False
    """AdamW of bitsandbytes, paged and in 8 bit."""
    compiled: bool = False
    """Each decoder layer by `torch.compile`, which `doppelgram train` tries by itself and keeps where it is quicker."""
    before: Callable[[Any], None] = lambda causal: None


def ours(tokens: int, checkpointing: Checkpointing = "off", *, compiled: bool = False) -> Side:
    """Packed and computed as `doppelgram train` does it, at the rank of the other sides; each token weighs the same."""
    return Side(replace(trainers.ours(), rank=32), tokens, checkpointing=checkpointing, compiled=compiled)


def fitting(bench: Bench, there: Machine, *, compiled: bool = False) -> Side:
    """Ours, in the way that `train` would choose on that machine."""
    if bench.tiny:
        return ours(256, "partial") if there is MODEST else ours(512)
    config = networks.configuration(bench.shape).to_dict()
    found = way.choose(config, "qlora", there, LARGE, WORK, rank=32)
    return ours(found.at_once, found.checkpointing, compiled=compiled)


def seed() -> Side:
    """The recipe that this project started from: 8 x 2 rows by length, fp32 stream, five targets, dropout."""
    trainer = replace(trainers.seed(trainers.SEED_TARGETS, 32), dropout=0.05)
    return Side(trainer, accumulate=2, upcast=True, paged=True)


def plain() -> Side:
    """A Trainer in bf16: 8 rows in random order, padded, no checkpointing."""
    return Side(replace(trainers.plain(), rank=32))


def trl(rows: int) -> Side:
    """TRL's packing, with so many rows of 1,024 at a time. Raises `NotMeasuredError` without TRL."""
    for package in ("trl", "datasets"):
        demand(package)
    return Side(replace(trainers.trl(rows), rank=32), before=trainers.add_trl_head)


# --- parts


def parity(bench: Bench) -> dict[str, Any]:
    """The largest difference of a step's loss, in nats, from each conversation alone by the network's own logits."""
    demand("bitsandbytes")
    layers = None if bench.tiny else PARITY_LAYERS
    steps = 4 if bench.tiny else PARITY_STEPS
    losses = {}
    for name, loss in {"ours": None, "alone": _alone}.items():
        causal = networks.network(bench.shape, "nf4", bench.device, layers=layers)
        side = ours(512 if bench.tiny else 2048)
        network = trainers.prepare(causal, side.trainer)
        batches = side.trainer.batches(_conversations(bench, causal), side.tokens)[:steps]
        losses[name] = _learn(network, side, batches, loss or side.trainer.loss)
        how = attention.way(network)
    apart = max(abs(one - other) for one, other in zip(losses["ours"], losses["alone"], strict=True))
    bench.note("parity", **losses)
    limit = 1e-2 if bench.device.type == "cuda" else 1e-3
    return {
        "parity_max_difference": apart,
        "parity_limit": limit,
        "parity_steps": len(losses["ours"]),
        "attention": how,
    }


def train(bench: Bench) -> dict[str, Any]:
    """Ours twice, on a large GPU and within 24 GB, against the old recipe and a plain Trainer."""
    demand("bitsandbytes")
    here = machine.here()
    sides: dict[str, Callable[[], Side]] = {
        "ours": partial(fitting, bench, here),
        "ours_24gb": partial(fitting, bench, MODEST),
        "seed": seed,
        "plain": plain,
    }
    if bench.device.type == "cuda":
        sides["ours_compiled"] = partial(fitting, bench, here, compiled=True)
    found = compare(bench, sides)
    speed, peak = ({name: each[key] for name, each in found.items()} for key in ("tokens_per_second", "peak_bytes"))
    return {
        "train_ratio_seed": _ratio(speed, "seed"),
        "train_ratio_plain": _ratio(speed, "plain"),
        "train_ratio_seed_24gb": _ratio(speed, "seed", "ours_24gb"),
        "train_ratio_seed_compiled": _ratio(speed, "seed", "ours_compiled"),
        "tokens_per_second": speed,
        "peak_bytes": peak,
        "failed": {name: each["failed"] for name, each in found.items() if each["failed"]},
        "attention": next((each["attention"] for each in bench.raw if each["side"] == "ours"), None),
        "plan_ratio": {name: _planned(bench, sides[name](), peak[name]) for name in ("ours", "ours_24gb")},
    }


def _planned(bench: Bench, side: Side, measured: int | None) -> float | None:
    """The peak that `plan` computes for this side, by what was measured; None on a CPU."""
    if measured is None:
        return None
    shape = fit.shape_of(networks.configuration(bench.shape).to_dict())
    planned = fit.peak(
        shape, "qlora", side.tokens, loss_share=conversations.OWN_SHARE, rank=32, checkpointing=side.checkpointing
    )
    return round(planned.total / measured, 3)


def rivals(bench: Bench) -> dict[str, Any]:
    """Ours against TRL's packing; what else is not installed is named."""
    ours_here = fitting(bench, machine.here())
    sides: dict[str, Callable[[], Side]] = {"ours": lambda: ours_here}
    missing = {}
    try:
        trl(1)
        sides["trl"] = partial(trl, 1 if bench.tiny else ours_here.tokens // conversations.LONGEST)
    except NotMeasuredError as error:
        missing["trl"] = str(error)
    for package in ("unsloth", "vllm"):
        try:
            demand(package)
            missing[package] = "installed, but not compared by this command"
        except NotMeasuredError as error:
            missing[package] = str(error)
    if len(sides) == 1:
        return {"not_measured": missing}
    found = compare(bench, sides)
    speed = {name: each["tokens_per_second"] for name, each in found.items()}
    return {
        "train_ratio_trl": _ratio(speed, "trl"),
        "tokens_per_second": speed,
        "peak_bytes": {name: each["peak_bytes"] for name, each in found.items()},
        "failed": {name: each["failed"] for name, each in found.items() if each["failed"]},
        "not_measured": missing,
    }


# --- what they share


def _ratio(speed: dict[str, float | None], other: str, own: str = "ours") -> float | None:
    one, two = speed.get(own), speed.get(other)
    return round(one / two, 2) if one and two else None


def compare(bench: Bench, sides: dict[str, Callable[[], Side]]) -> dict[str, dict[str, Any]]:
    """The median speed and the highest peak of each side, or why it failed: memory that runs out, say."""
    failed: dict[str, str] = {}
    for _ in range(bench.rounds):
        for name, make in sides.items():
            if name in failed:
                continue
            try:
                bench.note(name, **_measured(bench, make()))
            except FAILURES as error:
                failed[name] = f"{type(error).__name__}: {str(error)[:200]}".splitlines()[0]
    found = {}
    for name in sides:
        rounds = [each for each in bench.raw if each["side"] == name and name not in failed]
        speeds = [each["tokens_per_second"] for each in rounds]
        found[name] = {
            "tokens_per_second": round(statistics.median(speeds), 1) if speeds else None,
            "peak_bytes": max((each["peak_bytes"] for each in rounds if each["peak_bytes"]), default=None),
            "failed": failed.get(name),
        }
    return found


def _measured(bench: Bench, side: Side) -> dict[str, Any]:
    bench.fresh()
    causal = networks.network(bench.shape, "nf4", bench.device)
    if side.upcast:
        from peft import prepare_model_for_kbit_training

        prepare_model_for_kbit_training(causal, use_gradient_checkpointing=False)
    side.before(causal)
    network = trainers.prepare(causal, side.trainer)
    if side.checkpointing != "off":
        recompute.layers(network, side.checkpointing)
    if side.compiled:
        for layer in network.decoder.layers:
            layer.compile(dynamic=True)
    batches = side.trainer.batches(_conversations(bench, causal), side.tokens)
    timed = 2 if bench.tiny else TIMED
    steps = [
        batches[start : start + side.accumulate]
        for start in range(0, len(batches) - side.accumulate + 1, side.accumulate)
    ][: WARM + timed]
    step = _stepper(network, side)
    for each in steps[:WARM]:
        step(each, side.trainer.loss)
    counted = steps[WARM:]
    _, seconds = bench.timed(lambda: [step(each, side.trainer.loss) for each in counted])
    tokens = sum(_real_tokens(batch) for each in counted for batch in each)
    return {
        "tokens_per_second": tokens / seconds,
        "tokens": tokens,
        "steps": len(counted),
        "seconds": seconds,
        "peak_bytes": bench.peak(),
        "attention": attention.way(network),
    }


def _real_tokens(batch: Any) -> int:
    if isinstance(batch, list):  # of conversations, padded in the network
        return sum(len(each.ids) for each in batch)
    if isinstance(batch, dict) or hasattr(batch, "keys"):  # TRL's: packed rows without padding
        return int(batch["input_ids"].numel())
    return int(batch.tokens)


def _stepper(network: LanguageModel, side: Side) -> Callable[[Sequence[Any], Any], float]:
    learned = {name: each for name, each in network.causal.named_parameters() if each.requires_grad}
    paged = side.paged and network.device.type == "cuda"
    learner = Learner(learned, 2e-4, "8bit" if paged else "fp32")

    def step(batches: Sequence[Any], loss: Callable[[LanguageModel, Any], Tensor]) -> float:
        learner.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for batch in batches:
            part = loss(network, _there(batch, network.device)) / len(batches)
            torch.autograd.backward(part)
            total += float(part.detach())
        learner.optimizer.step()
        return total

    return step


def _there(batch: Any, device: torch.device) -> Any:
    """TRL's batches are tensors, which its Trainer would have moved; ours are numbers until they are computed."""
    if isinstance(batch, dict) or hasattr(batch, "keys"):
        return {name: each.to(device) if isinstance(each, Tensor) else each for name, each in batch.items()}
    return batch


def _learn(network: LanguageModel, side: Side, batches: Sequence[Any], loss: Any) -> list[float]:
    step = _stepper(network, side)
    return [step([batch], loss) for batch in batches]


def _alone(network: LanguageModel, batch: Any) -> Tensor:
    """Window by window, through the network's own attention and all its logits."""
    losses = []
    for window in batch.windows:
        logits = network.causal(input_ids=torch.tensor([window.ids], device=network.device), use_cache=False).logits
        labels = [i if kind else -100 for i, kind in zip(window.ids, window.kinds, strict=True)]
        targets = torch.tensor(labels[1:], device=network.device)
        losses.append(functional.cross_entropy(logits[0, :-1].float(), targets, reduction="sum"))
    mean: Tensor = torch.stack(losses).sum() / batch.loss_tokens
    return mean


def _conversations(bench: Bench, causal: Any) -> list[Conversation]:
    some = conversations.lognormal(120 if bench.tiny else CONVERSATIONS, causal.config.vocab_size)
    return [each for each in some if each.window]
