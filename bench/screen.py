"""Evidence for the training's defaults: one change at a time, on the corpus, with the small model.

    python -m bench.screen --out rows.jsonl

Needs the extras `train` and `demo`. Each arm learns from 60,000 tokens of the demo's owner and is read on the same
held-out windows, loss over the owner's text alone. Every finished arm is a line of the file and is skipped when the
command is given again; `--seed 1` and `--seed 2` can run side by side on the same file. Hours on a CPU.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path

from bench import conversations, trainers
from data import samples, transcript
from data.samples import Sample
from data.transcript import Role
from training import adapter, evaluate, model, ranks, schedule
from training.encode import CONTEXT_TOKENS, Encoded, Encoder, labels
from training.model import LanguageModel
from training.schedule import TrainOptions
from training.step import Stepper

MODELS = user_cache_path("doppelgram") / "models"
SEEDS = (1, 2)
CHARACTERS = 2400 / 1024
"""Of a window, by its longest length in tokens: 2,400 characters are the default window, and seldom more than 1,024."""
ROW = 768
"""Tokens of an optimizer step, or one window where that is longer: as good as equal for short windows and for long."""
NEVER = 10**9
"""So many tokens with loss no arm has: each warms up over the same tenth of its budget, however dense its loss."""
RESAMPLES = 2000
COUNTED = ("steps", "tokens", "loss_tokens", "seconds", "cpu_seconds")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train. The default is the one that every other differs from in one thing."""

    rank: int = 32
    learning_rate: float = 1e-3
    window_tokens: int = 1024
    everyone: bool = False
    """Loss on the turns of both sides; else on the owner's."""
    epochs: int = 1
    """Passes over as many tokens as make the same number in all."""


ARMS = {
    "baseline": Arm(),
    "all speakers": Arm(everyone=True),
    "3 epochs": Arm(epochs=3),
    "learning rate 3e-4": Arm(learning_rate=3e-4),
    "window 256": Arm(window_tokens=256),
    "rank 8": Arm(rank=8),
}
UNTUNED = "untuned"
BOTH = (ARMS["baseline"], ARMS["window 256"])
"""Read on short windows too."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    tokens: int = 60_000
    """That an arm computes, the context without loss included."""
    held_out: int = 24
    """Windows that all arms are read on."""
    chats: int | None = None
    """Of the corpus; None for all."""


@dataclass(frozen=True, slots=True)
class Sets:
    """The owner's samples by the longest window in tokens, the same own turns in each."""

    train: dict[int, list[Sample]]
    validation: dict[int, list[Sample]]


def main() -> None:
    """Compute what is missing and print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.screen", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, one for each arm and seed")
    parser.add_argument("--seed", type=int, action="append", help=f"only this one; else {SEEDS}")
    parser.add_argument("--base", default="smollm2", help="the model that learns")
    parser.add_argument("--tokens", type=int, default=Size().tokens, help="that an arm computes")
    parser.add_argument("--held-out", type=int, default=Size().held_out, help="windows that every arm is read on")
    options = parser.parse_args()
    size = Size(options.tokens, options.held_out)
    if any(missing(options.out, options.seed or SEEDS, size)):
        language = model.load(options.base, MODELS, "none")
        screen(language, corpus(size), options.out, options.seed or SEEDS, size)
    found = summary(rows_of(options.out, size), size)
    print("\n".join(table(found)), file=sys.stderr)
    print(json.dumps(found, indent=2))


def screen(language: LanguageModel, sets: Sets, out: Path, seeds: Sequence[int], size: Size) -> None:
    """Add to `out` the row of each arm and seed that has none yet, as soon as it is computed."""
    for name, seed in missing(out, seeds, size):
        arm = ARMS.get(name)
        found = learned(language, sets, arm, seed, size) if arm else {"held_out": read(language, sets, True)}
        row = {"arm": name, "seed": seed, "settings": asdict(arm) if arm else {}, "size": asdict(size)} | found
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def missing(out: Path, seeds: Sequence[int], size: Size) -> Iterator[tuple[str, int]]:
    """Arms and seeds without a row. The file is looked at anew for each: another process may write it too."""
    for name, seed in [*((name, seed) for name in ARMS for seed in seeds), (UNTUNED, 0)]:
        if (name, seed) not in {(row["arm"], row["seed"]) for row in rows_of(out, size)}:
            yield name, seed


def rows_of(out: Path, size: Size) -> list[dict[str, Any]]:
    """What is computed of this size, with the arms as they are now."""
    if not out.exists():
        return []
    settings = {name: asdict(arm) for name, arm in ARMS.items()} | {UNTUNED: {}}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return [row for row in rows if row["size"] == asdict(size) and row["settings"] == settings.get(row["arm"])]


def corpus(size: Size) -> Sets:
    """What `build` makes of the demo's owner, with each length of window."""
    lengths = sorted({arm.window_tokens for arm in ARMS.values()})
    sets = Sets({}, {})
    with tempfile.TemporaryDirectory() as folder:
        for length in lengths:
            dataset = conversations.build(Path(folder), round(length * CHARACTERS), size.chats)
            sets.train[length] = samples.read(dataset, "train")
            sets.validation[length] = samples.read(dataset, "validation")
    sets.validation[lengths[-1]] = evaluate.choose(sets.validation[lengths[-1]], size.held_out, 1)
    wanted = {each for sample in sets.validation[lengths[-1]] for each in _learned_turns(sample)}
    for length in lengths[:-1]:
        held = [_only(sample, wanted) for sample in sets.validation[length]]
        sets.validation[length] = [sample for sample in held if _learned_turns(sample)]
    return sets


def _learned_turns(sample: Sample) -> list[tuple[int, datetime]]:
    return [(sample.dialog_id, turn.at) for turn in sample.transcript.turns[sample.fresh :] if turn.target]


def _only(sample: Sample, wanted: set[tuple[int, datetime]]) -> Sample:
    """The sample with loss on these turns alone."""
    turns = sample.transcript.turns
    kept = (replace(turn, target=turn.target and (sample.dialog_id, turn.at) in wanted) for turn in turns)
    return replace(sample, transcript=replace(sample.transcript, turns=tuple(kept)))


def learned(language: LanguageModel, sets: Sets, arm: Arm, seed: int, size: Size) -> dict[str, Any]:
    """Train one arm and read it. The seed chooses the windows, their order and the adapter's first weights."""
    began, cpu = time.monotonic(), time.process_time()
    windows = chosen(language, sets.train[arm.window_tokens], arm, seed, size.tokens // arm.epochs)
    options = TrainOptions(
        epochs=arm.epochs,
        rank=arm.rank,
        alpha=2 * arm.rank,
        learning_rate=arm.learning_rate,
        micro_batch_tokens=ROW,
        warmup_loss_tokens=NEVER,
        at_once=256,
        seed=seed,
    )
    shape = replace(trainers.ours(), rank=arm.rank)
    tuned = replace(trainers.prepare(language.causal, shape, seed), tokenizer=language.tokenizer)
    try:
        steps = learn(tuned, windows, options)
        learning = {
            "steps": steps,
            "tokens": arm.epochs * sum(len(window.ids) for window in windows),
            "loss_tokens": arm.epochs * sum(window.loss_tokens for window in windows),
            "seconds": round(time.monotonic() - began),
            "cpu_seconds": round(time.process_time() - cpu),
        }
        return learning | {"held_out": read(tuned, sets, arm in BOTH)}
    finally:
        adapter.detach(tuned)


def chosen(language: LanguageModel, some: Sequence[Sample], arm: Arm, seed: int, tokens: int) -> list[Encoded]:
    """Random windows of so many tokens in all, less than a window short of it."""
    order = list(some)
    random.Random(seed).shuffle(order)
    encoder, found, count = Encoder(language.tokenizer), list[Encoded](), 0
    for sample, window in zip(order, encoder.samples(order, CONTEXT_TOKENS), strict=True):
        if window.loss_tokens and len(window.ids) <= min(arm.window_tokens, tokens - count):
            found.append(everyones(encoder, sample, window) if arm.everyone else window)
            count += len(window.ids)
    return found


def everyones(encoder: Encoder, sample: Sample, window: Encoded) -> Encoded:
    """The same window with loss on every turn, as the project that this one started from had it."""
    rendered = transcript.render(sample.transcript)
    others = len(sample.transcript.turns)  # their blocks bear no number, as nobody else asks for loss on them
    blocks = tuple(
        block._replace(turn=others + place) if block.role is Role.USER else block
        for place, block in enumerate(rendered)
    )
    learned = frozenset(block.turn for block in blocks if block.turn is not None)
    ids, parts, _ = encoder._walk(blocks, learned)
    kinds, by_turn = labels(parts, len(ids))
    length = len(window.ids)
    return replace(window, kinds=kinds[:length], turns=by_turn[:length])


def learn(tuned: LanguageModel, windows: list[Encoded], options: TrainOptions) -> int:
    """The steps of a training, without its checkpoints. How many it made."""
    parameters = [parameter for parameter in tuned.causal.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=0.0, fused=True)
    step = Stepper(ranks.shard(tuned), optimizer, parameters, options)
    epochs, number, learned = int(options.epochs or 1), 0, 0
    for epoch in range(epochs):
        plan = schedule.plan(windows, options, epoch)
        for place, batches in enumerate(plan):
            learned += sum(batch.loss_tokens for batch in batches)
            step(batches, schedule.rate(options, (epoch + place / len(plan)) / epochs, learned), number)
            number += 1
    return number


def read(language: LanguageModel, sets: Sets, both: bool) -> dict[str, Any]:
    """Nats of text and tokens of text of each held-out window, by the longest length of the windows: of the long ones
    alone, or also of the same own turns in short ones."""
    found = {}
    for length in sorted(sets.validation, reverse=True)[: None if both else 1]:
        scored = evaluate.held_out(language, sets.validation[length])
        found[str(length)] = {"nll": [s.text_nll for s in scored], "tokens": [s.text_tokens for s in scored]}
    return found


def summary(rows: Sequence[dict[str, Any]], size: Size) -> dict[str, Any]:
    """For each arm its losses and its difference to the baseline, by the longest length of the held-out windows."""
    in_order = sorted(rows, key=lambda row: row["seed"])
    by_arm = {name: {row["seed"]: row for row in in_order if row["arm"] == name} for name in (UNTUNED, *ARMS)}
    found: dict[str, Any] = {}
    for name, some in by_arm.items():
        lengths = next(iter(some.values()))["held_out"] if some else ()
        found[name] = {key: [row[key] for row in some.values() if key in row] for key in COUNTED}
        found[name] |= {length: _against(some, by_arm["baseline"], length) for length in lengths}
    return {"size": asdict(size), "arms": found}


def table(found: dict[str, Any]) -> list[str]:
    """The summary as lines of Markdown: a line for each arm and each length of held-out windows."""
    head = ("arm", "read on windows of", "steps", "with loss", "loss by seed", "difference by seed", "95 % of the mean")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, arm in found["arms"].items():
        for length in (key for key in ("1024", "256") if key in arm):
            held = arm[length]
            cells = [name, length, _listed(arm["steps"], "d"), _listed(arm["loss_tokens"], ",d")]
            cells += [_listed(held["losses"].values(), ".3f"), _listed(held.get("differences", ()), "+.3f")]
            cells.append(" to ".join(f"{end:+.3f}" for end in held.get("interval", ())) or "-")
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _listed(values: Iterable[float], shape: str) -> str:
    return ", ".join(format(value, shape) for value in values) or "-"


def _against(arm: dict[int, Any], baseline: dict[int, Any], length: str) -> dict[str, Any]:
    """Losses in nats per token of text. Differences are between equal seeds; the interval resamples held-out windows,
    both sides together."""
    held = {seed: row["held_out"][length] for seed, row in arm.items()}
    losses = {seed: _loss(each) for seed, each in held.items()}
    found = {"losses": losses, "loss": float(np.mean(list(losses.values())))}
    pairs = [
        (held[seed], baseline[seed]["held_out"][length]) for seed in arm if seed in baseline and arm is not baseline
    ]
    if not pairs:
        return found
    apart = np.mean([np.subtract(mine["nll"], theirs["nll"]) for mine, theirs in pairs], axis=0)
    tokens = np.array(pairs[0][0]["tokens"])
    drawn = np.random.default_rng(1).integers(0, len(tokens), (RESAMPLES, len(tokens)))
    low, high = np.quantile(apart[drawn].sum(1) / tokens[drawn].sum(1), [0.025, 0.975])
    return found | {
        "differences": [_loss(mine) - _loss(theirs) for mine, theirs in pairs],
        "difference": float(apart.sum() / tokens.sum()),
        "interval": [float(low), float(high)],
        "windows": len(tokens),
        "text_tokens": int(tokens.sum()),
    }


def _loss(held_out: dict[str, list[float]]) -> float:
    return sum(held_out["nll"]) / sum(held_out["tokens"])


if __name__ == "__main__":
    main()
