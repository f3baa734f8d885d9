"""Mistakes of language that are not the owner's own: words that nobody here ever wrote, and the wrong script.

The owner's typos are style. So a word counts as foreign where neither the owner nor the other side of any chat ever
used it in the training time; real held-out replies have such words too, and the twin is held against their rate.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training import style
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, figure, ratio
from training.style import Reply

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Language:
    """Foreign words per 100, of the real replies and the written ones, and replies in a script that the context is not
    in and the owner never answered it with, per 100."""

    foreign_real: Figure
    foreign_written: Figure
    wrong_script_real: Figure
    wrong_script_written: Figure


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The words of texts, in lower case."""
    return frozenset(word for text in texts for word in _WORD.findall(text.lower()))


def errors(some: Sequence[Exchange], written: Sequence[Reply], known: frozenset[str], seed: int = 1) -> Language:
    """Both rates on identical contexts."""
    clusters = Clusters(tuple(each.conversation for each in some), tuple(each.dialog for each in some))
    found = []
    for replies in ([each.reply for each in some], written):
        words = [_WORD.findall(" ".join(reply).lower()) for reply in replies]
        foreign = [100.0 * sum(word not in known for word in each) for each in words]
        wrong = [100.0 * _wrong_script(each, reply) for each, reply in zip(some, replies, strict=True)]
        there = [float(bool(reply)) for reply in replies]
        found.append(
            (
                figure(clusters, ratio(foreign, [len(each) for each in words]), seed),
                figure(clusters, ratio(wrong, there), seed),
            )
        )
    return Language(found[0][0], found[1][0], found[0][1], found[1][1])


def _wrong_script(each: Exchange, reply: Reply) -> bool:
    seen = {style.script(text) for turn in each.before.turns for text in turn.texts} - {"none"}
    mine = style.script(" ".join(reply))
    return bool(seen) and mine != "none" and mine not in seen
