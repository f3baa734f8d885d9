"""Does the twin say "ok" as often as the owner? Low-information replies by what is being answered, and how often a
reply still belongs to its own context.

The goal is the owner's own rate, not zero: people do answer "ok".
"""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, figure, mean, none, ratio
from training.measures.nearest import Index
from training.style import Reply

Class = Literal["question", "plan", "link or media", "closing", "news", "small talk"]
CLASSES: tuple[Class, ...] = ("question", "plan", "link or media", "closing", "news", "small talk")
LEAST = 30
"""Contexts of a class below which its rates are chance."""
CANDIDATES = 20
_PLAN = re.compile(
    r"(?i)\b(tomorrow|tonight|today at|weekend|meet|o'?clock|at \d{1,2}\b|monday|friday|saturday|sunday|"
    r"завтра|сегодня в|встре\w+|выходн\w+|morgen|heute abend|treffen)\b"
)
_CLOSING = re.compile(
    r"(?i)\b(bye|good ?night|gn|see (you|ya)|cya|ttyl|пока|спокойной|tsch[uü]ss|gute nacht|bis dann)\b"
)
_LINK = re.compile(r"https?://|www\.|^\[\w[^\]]*\]$", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def class_of(they: Reply) -> Class:
    """What kind of context this is."""
    text = "\n".join(they)
    if _LINK.search(text):
        return "link or media"
    if _CLOSING.search(text):
        return "closing"
    if _PLAN.search(text):
        return "plan"
    if "?" in text:
        return "question"
    return "news" if len(text) > 120 else "small talk"


def low(reply: Reply) -> bool:
    """Whether a reply carries little: at most two words in all."""
    return len(_WORD.findall(" ".join(reply))) <= 2


def rates(
    some: Sequence[Exchange], written: Sequence[Reply], seed: int = 1
) -> dict[str, tuple[Figure, Figure, Figure]]:
    """Per class, and over `all`: the real rate, the written one, and how many times the real one that is."""
    found: dict[str, tuple[Figure, Figure, Figure]] = {}
    classes = [class_of(each.they) for each in some]
    for name in ("all", *CLASSES):
        here = [i for i, each in enumerate(classes) if name in ("all", each) and written[i]]
        if len(here) < LEAST:
            why = none(f"insufficient data: {len(here)} contexts, at least {LEAST} are needed", len(here), seed)
            found[name] = (why, why, why)
            continue
        real, made = [float(low(some[i].reply)) for i in here], [float(low(written[i])) for i in here]
        clusters = Clusters(tuple(some[i].conversation for i in here), tuple(some[i].dialog for i in here))
        found[name] = (
            figure(clusters, mean(real), seed),
            figure(clusters, mean(made), seed),
            figure(clusters, ratio(made, real), seed),
        )
    return found


def belongs(some: Sequence[Exchange], written: Sequence[Reply], seed: int = 1) -> Figure:
    """How often BM25, asked with a reply, finds its own context first among `CANDIDATES` of the same chat or others."""
    chance = np.random.default_rng(seed)
    if len(some) < CANDIDATES:
        return none(f"insufficient data: {len(some)} contexts, at least {CANDIDATES} are needed", len(some), seed)
    said = ["\n".join(text for turn in each.before.turns[-3:] for text in turn.texts) for each in some]
    right = []
    for place, reply in enumerate(written):
        others = [int(i) for i in chance.permutation(len(some)) if i != place][: CANDIDATES - 1]
        same = [i for i in others if some[i].dialog == some[place].dialog]
        here = [place, *same, *[i for i in others if i not in same]]
        best = Index([said[i] for i in here]).best(" ".join(reply), 1)
        right.append(float(best == [0]))
    clusters = Clusters(tuple(each.conversation for each in some), tuple(each.dialog for each in some))
    return figure(clusters, mean(right), seed)
