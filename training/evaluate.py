"""Is it this person? Held-out loss with the adapter on and off, on identical windows, and on other persons' words.

Losses are over message text alone; message boundaries and turn ends, which any chat teaches, are reported apart. The
controls are the contacts, read with the sides swapped: what the adapter gains on them it learned about chatting, what
it gains on the owner beyond that it learned about the owner.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from data.samples import Sample
from training import packing
from training.encode import CONTEXT_TOKENS, Encoded, Encoder, Kind
from training.loss import token_losses
from training.model import LanguageModel
from training.unpacked import unpacked

T = TypeVar("T")
BATCH_TOKENS = 1024
RESAMPLES = 2000
MIN_TEXT_TOKENS = 100
"""A control person with less held-out text says nothing about persons."""
CONTROLS = 4
"""Other persons behind an own gain. With fewer, the figure would be about them rather than about the owner."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One window's sums: nats and tokens of text and of format, characters of the text."""

    dialog_id: int
    text_nll: float
    text_tokens: int
    format_nll: float
    format_tokens: int
    characters: int
    turns: tuple[float, ...]
    """Mean log-probability per token, text and format, of each own turn in it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % bootstrap interval around `value`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base and adapter on identical windows. Losses in nats per token."""

    n: int
    """Windows."""
    text_tokens: int
    loss_base: float
    loss_adapter: float
    ratio: Interval
    """`loss_adapter / loss_base`."""
    bits_per_character_base: float
    bits_per_character_adapter: float
    format_loss_base: float
    format_loss_adapter: float
    seed: int
    base: tuple[Scored, ...] = ()
    adapter: tuple[Scored, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The figures, without the single windows."""
        return {key: value for key, value in asdict(self).items() if key not in ("base", "adapter")}


@dataclass(frozen=True, slots=True)
class Control:
    """Another person, and how much their loss fell, relative to the base's."""

    dialog_id: int
    n: int
    text_tokens: int
    loss_base: float
    loss_adapter: float
    drop: float


@dataclass(frozen=True, slots=True)
class OwnGain:
    """The owner's relative drop in loss less the mean drop of the other persons."""

    controls: tuple[Control, ...]
    drop: float
    own_gain: Interval | None
    """None with too few controls."""
    seed: int

    @property
    def why_none(self) -> str | None:
        """Why there is no figure, in words; None where there is one."""
        return None if self.own_gain else f"too few controls: {len(self.controls)}, at least {CONTROLS} are needed"

    def as_json(self) -> dict[str, Any]:
        """The figures."""
        return asdict(self) | {"why_none": self.why_none}


def choose(samples: Sequence[T], most: int | None, seed: int) -> list[T]:
    """At most `most` of them, the same ones for the same seed, in their order."""
    if most is None or len(samples) <= most:
        return list(samples)
    return [samples[i] for i in sorted(random.Random(seed).sample(range(len(samples)), most))]


def held_out(
    model: LanguageModel,
    samples: Sequence[Sample],
    *,
    adapter: bool = True,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Scored]:
    """Score samples, in their order, with the adapter on or off. Samples without own text are left out.

    `progress` is told the share, 0..1, that is done; so it is everywhere below. Raises `KeyboardInterrupt` once
    `stop()` says so.
    """
    encoder = Encoder(model.tokenizer)
    encoded = [encoder.sample(sample, CONTEXT_TOKENS) for sample in samples]
    ids = {id(window): sample.dialog_id for window, sample in zip(encoded, samples, strict=True)}
    windows = [window for window in encoded if Kind.TEXT in window.kinds]
    scored: dict[int, Scored] = {}
    model.causal.eval()
    batches = packing.micro_batches(windows, BATCH_TOKENS)
    switched = nullcontext() if adapter else model.without_adapter()
    # As they were loaded the weights are exact, and made for many tokens at a time.
    with unpacked(model.causal), torch.inference_mode(), torch.random.fork_rng(devices=[]), switched:
        for done, batch in enumerate(batches, start=1):
            _score(model, batch, ids, scored, stop)
            progress(done / len(batches))
    return [scored[id(window)] for window in windows]


def _score(
    model: LanguageModel,
    batch: packing.MicroBatch,
    ids: dict[int, int],
    scored: dict[int, Scored],
    stop: Callable[[], bool],
) -> None:
    if stop():
        raise KeyboardInterrupt
    losses = token_losses(model, batch)
    rows = zip(
        losses.nll.double().tolist(), losses.kinds.tolist(), losses.windows.tolist(), losses.turns.tolist(), strict=True
    )
    by_window: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for nll, kind, window, turn in rows:
        by_window[window].append((nll, kind, turn))
    for index, window in enumerate(batch.windows):
        scored[id(window)] = _sums(window, ids[id(window)], by_window[index])


def _sums(window: Encoded, dialog_id: int, tokens: list[tuple[float, int, int]]) -> Scored:
    text = [nll for nll, kind, _ in tokens if kind == Kind.TEXT]
    other = [nll for nll, kind, _ in tokens if kind == Kind.FORMAT]
    turns: dict[int, list[float]] = defaultdict(list)
    for nll, _, turn in tokens:
        turns[turn].append(-nll)
    means = tuple(sum(logprobs) / len(logprobs) for logprobs in turns.values())
    return Scored(dialog_id, sum(text), len(text), sum(other), len(other), window.characters, means)


def compare(
    model: LanguageModel,
    samples: Sequence[Sample],
    *,
    max_samples: int | None = None,
    seed: int = 1,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Comparison:
    """The loss of the same model with its adapter off and on. Raises `ValueError` without any own text."""
    chosen = choose(samples, max_samples, seed)
    base = tuple(held_out(model, chosen, adapter=False, stop=stop, progress=lambda share: progress(share / 2)))
    tuned = tuple(held_out(model, chosen, adapter=True, stop=stop, progress=lambda share: progress(0.5 + share / 2)))
    if not base:
        raise ValueError("there is no own text to score")
    value, draws = _ratios(base, tuned, np.random.default_rng(seed))
    return Comparison(
        n=len(base),
        text_tokens=sum(s.text_tokens for s in base),
        loss_base=_loss(base),
        loss_adapter=_loss(tuned),
        ratio=_interval(value, draws),
        bits_per_character_base=_bits(base),
        bits_per_character_adapter=_bits(tuned),
        format_loss_base=_format(base),
        format_loss_adapter=_format(tuned),
        seed=seed,
        base=base,
        adapter=tuned,
    )


def own_gain(
    model: LanguageModel,
    owner: Comparison,
    controls: Sequence[Sample],
    *,
    samples_each: int = 12,
    seed: int = 1,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> OwnGain:
    """Compare the owner's drop with that of the `CONTROLS` contacts who wrote most in the `controls` split.

    The interval resamples windows within each person, base and adapter together (a paired bootstrap): it says how
    sure the figure is for these persons, not for all people.
    """
    by_person: dict[int, list[Sample]] = defaultdict(list)
    for sample in controls:
        by_person[sample.dialog_id].append(sample)
    most = sorted(by_person, key=lambda person: (-_characters(by_person[person]), person))
    found: list[tuple[Control, np.ndarray]] = []
    chance = np.random.default_rng(seed)
    for person in most:
        if len(found) == CONTROLS:
            break
        chosen = choose(by_person[person], samples_each, seed)
        base = held_out(model, chosen, adapter=False, stop=stop)
        if sum(s.text_tokens for s in base) < MIN_TEXT_TOKENS:
            continue
        tuned = held_out(model, chosen, adapter=True, stop=stop)
        value, draws = _ratios(base, tuned, chance)
        tokens = sum(s.text_tokens for s in base)
        found.append((Control(person, len(base), tokens, _loss(base), _loss(tuned), 1 - value), 1 - draws))
        progress(len(found) / CONTROLS)
    value, draws = _ratios(owner.base, owner.adapter, chance)
    gain = None
    if len(found) == CONTROLS:
        others = np.mean([drops for _, drops in found], axis=0)
        mean = sum(control.drop for control, _ in found) / len(found)
        gain = _interval(1 - value - mean, 1 - draws - others)
    return OwnGain(tuple(control for control, _ in found), 1 - value, gain, seed)


def _characters(samples: Sequence[Sample]) -> int:
    return sum(
        len(text)
        for sample in samples
        for turn in sample.transcript.turns[sample.fresh :]
        if turn.target
        for text in turn.texts
    )


def _ratios(base: Sequence[Scored], tuned: Sequence[Scored], chance: np.random.Generator) -> tuple[float, np.ndarray]:
    """The ratio of the two losses, and `RESAMPLES` draws of it over windows. Token counts cancel out."""
    before = np.array([s.text_nll for s in base])
    after = np.array([s.text_nll for s in tuned])
    drawn = chance.integers(0, len(before), (RESAMPLES, len(before)))
    return float(after.sum() / before.sum()), after[drawn].sum(1) / before[drawn].sum(1)


def _interval(value: float, draws: np.ndarray) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _loss(scored: Sequence[Scored]) -> float:
    return sum(s.text_nll for s in scored) / sum(s.text_tokens for s in scored)


def _format(scored: Sequence[Scored]) -> float:
    return sum(s.format_nll for s in scored) / max(1, sum(s.format_tokens for s in scored))


def _bits(scored: Sequence[Scored]) -> float:
    return sum(s.text_nll for s in scored) / math.log(2) / max(1, sum(s.characters for s in scored))
