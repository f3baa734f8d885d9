"""Bits per character of the owner's held-out words, text alone, under several conditions on identical windows (Q1).

What training achieved is told from what a prompt achieves without it: the same base is given the owner's messages, a
card of facts, or what was said in this chat before. Such a help stands before the window as a turn that is not scored.
"""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from data.samples import Sample
from data.transcript import Transcript, Turn
from training import precision
from training.evaluate import Scored, choose, held_out
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, figure, none, ratio
from training.measures.nearest import Index, tokens
from training.model import LanguageModel
from training.unpacked import unpacked

OWN_MESSAGES, FACTS, RETRIEVED = 20, 20, 10
RIVALS = ("base + all messages that fit", "base + a card of 20 facts", "base + 10 turns of this chat")
"""The conditions that might do without a training."""
CHARACTERS_PER_TOKEN = 3
"""A cautious guess, for "as many messages as fit"."""
_FACT = re.compile(
    r"(?i)\b(i am|i'm|im|i live|i work|i like|i love|i hate|i have|i study|my \w+ (?:is|are)|i was born)\b"
)


@dataclass(frozen=True, slots=True)
class Window:
    """A sample to score, and the cluster that it belongs to."""

    sample: Sample
    conversation: int


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits per character by condition, and by how much of it the adapter is below each other one, 0.1 for a tenth."""

    n: int
    bits: Mapping[str, Figure]
    gain: Mapping[str, Figure]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


Change = Callable[[Window], Sample]


def readable(windows: Sequence[Window]) -> list[Window]:
    """Those with own text."""
    return [each for each in windows if _has_text(each.sample)]


def cut(sample: Sample, characters: int) -> Sample:
    """The beginning of a window's fresh part and the end of its context, of about so many characters in all."""
    turns, end, size = sample.transcript.turns, sample.fresh, 0
    while end < len(turns) and (size <= characters * 2 // 3 or not _has_text(_part(sample, 0, end))):
        size += sum(map(len, turns[end].texts))
        end += 1
    first = sample.fresh
    while first > 0 and size <= characters:
        first -= 1
        size += sum(map(len, turns[first].texts))
    return _part(sample, first, end)


def _part(sample: Sample, first: int, end: int) -> Sample:
    return Sample(sample.dialog_id, Transcript(sample.transcript.turns[first:end]), sample.fresh - first)


def _has_text(sample: Sample) -> bool:
    return any(turn.target and any(turn.texts) for turn in sample.transcript.turns[sample.fresh :])


def conditions(past: Sequence[Exchange], fit_tokens: int, seed: int) -> dict[str, Change]:
    """How each condition of the untuned base changes a window. `past` are the owner's earlier replies."""
    own = [text for each in past for text in each.reply if text.strip()]
    newest: list[str] = []
    room = fit_tokens * CHARACTERS_PER_TOKEN
    for text in reversed(own):
        if (room := room - len(text) - 1) < 0:
            break
        newest.insert(0, text)
    some = choose(own, OWN_MESSAGES, seed)
    card = _card(own)
    by_chat: dict[int, list[Exchange]] = {}
    for each in past:
        by_chat.setdefault(each.dialog, []).append(each)
    indexes = {chat: Index(["\n".join(e.they) for e in group]) for chat, group in by_chat.items()}

    def retrieved(window: Window) -> Sample:
        group = by_chat.get(window.sample.dialog_id, [])
        turns = window.sample.transcript.turns
        first = next(i for i in range(window.sample.fresh, len(turns)) if turns[i].target)
        query = "\n".join(text for turn in turns[max(0, first - 3) : first] for text in turn.texts)
        places = indexes[window.sample.dialog_id].best(query, RETRIEVED // 2) if group else []
        pairs = [(group[place].before.turns[-1], Turn(True, group[place].reply, group[place].at)) for place in places]
        return _before(window.sample, [turn for pair in pairs for turn in pair])

    return {
        "base": lambda window: window.sample,
        "base + 20 own messages": lambda window: _said_before(window.sample, some),
        "base + all messages that fit": lambda window: _said_before(window.sample, newest),
        "base + a card of 20 facts": lambda window: _told_before(window.sample, card),
        "base + 10 turns of this chat": retrieved,
    }


def shuffled(seed: int) -> Change:
    """The other side's turns in another order: what is left of the gain without knowing what is answered."""

    def change(window: Window) -> Sample:
        turns = list(window.sample.transcript.turns)
        places = [place for place, turn in enumerate(turns) if not turn.mine]
        mixed = random.Random(f"{seed}/{window.conversation}").sample(places, len(places))
        texts = {place: turns[other].texts for place, other in zip(places, mixed, strict=True)}
        changed = [replace(t, texts=texts[i], quotes=()) if i in texts else t for i, t in enumerate(turns)]
        return Sample(window.sample.dialog_id, Transcript(tuple(changed)), window.sample.fresh)

    return change


def score(
    model: LanguageModel,
    windows: Sequence[Window],
    change: Change,
    adapter: bool,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Scored]:
    """The windows under one condition, with the adapter on or off, in mixed precision where that is of use. They are
    changed before their own text, so it stays the same text."""
    with unpacked(model.causal), precision.mixed(model):
        return held_out(model, [change(window) for window in windows], adapter=adapter, progress=progress)


def compare(windows: Sequence[Window], scored: Mapping[str, Sequence[Scored]], seed: int, own: str = "adapter") -> Bits:
    """The figures of all conditions that were scored on these windows. Raises `ValueError` where texts differ."""
    clusters = Clusters(
        tuple(window.conversation for window in windows), tuple(window.sample.dialog_id for window in windows)
    )
    characters = [float(each.characters) for each in next(iter(scored.values()))]
    if any([float(each.characters) for each in some] != characters for some in scored.values()):
        raise ValueError("the conditions were not scored on identical text")
    nats = {name: np.array([each.text_nll for each in some]) for name, some in scored.items()}
    if why := clusters.too_few():
        unknown = none(why, len(windows), seed)
        return Bits(len(windows), dict.fromkeys(scored, unknown), dict.fromkeys(scored.keys() - {own}, unknown))
    bits = {
        name: figure(clusters, ratio((each / math.log(2)).tolist(), characters), seed) for name, each in nats.items()
    }
    gain = {
        name: figure(clusters, ratio((each - nats[own]).tolist(), each.tolist()), seed)
        for name, each in nats.items()
        if name != own and own in nats
    }
    return Bits(len(windows), bits, gain)


def _before(sample: Sample, turns: Sequence[Turn]) -> Sample:
    begin = sample.transcript.turns[0]
    shown = tuple(replace(turn, at=begin.at, target=False, gap=begin.gap * 0) for turn in turns)
    return Sample(sample.dialog_id, Transcript(shown + sample.transcript.turns), sample.fresh + len(shown))


def _said_before(sample: Sample, texts: Sequence[str]) -> Sample:
    return _before(sample, [Turn(True, tuple(texts), sample.transcript.turns[0].at)]) if texts else sample


def _told_before(sample: Sample, facts: Sequence[str]) -> Sample:
    if not facts:
        return sample
    told = ("What is known of the person who answers here:", *facts)
    return _before(sample, [Turn(False, told, sample.transcript.turns[0].at)])


def _card(own: Sequence[str]) -> list[str]:
    """The owner's own statements in the first person, those with the rarest words."""
    rarity = Counter(word for text in own for word in set(tokens(text)))
    told = {text for text in own if _FACT.search(text) and 15 <= len(text) <= 120}

    def weight(text: str) -> float:
        words = tokens(text)
        return sum(1 / rarity[word] for word in words) / math.sqrt(max(1, len(words)))

    return sorted(told, key=lambda text: (-weight(text), text))[:FACTS]
