"""Replies to held-out contexts, as the twin would write them: several at a time, at a temperature that makes its words
as unexpected as the owner's are.

Sampling as such is too tame or too wild: at the right temperature the mean log-probability of a written token is that
of a real one under the same model (an entropy match).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from data.transcript import Transcript
from training.candidate import Candidate
from training.generate import Generator, Request
from training.measures.exchange import Exchange
from training.style import Reply

ROWS = 50
"""Replies written side by side, at most: a step reads all weights, however many there are."""
TOKENS = 15_000
"""So many of contexts and replies, at most: what was read of each is held twice while they are written."""
CHARACTERS_PER_TOKEN = 2
"""A cautious guess."""
TEMPERATURES = (0.6, 0.8, 1.0, 1.2)


def write(
    generator: Generator,
    some: Sequence[Exchange],
    *,
    n: int = 1,
    seed: int = 1,
    before: Callable[[Exchange], Transcript] = lambda each: tail(each.before, 1200),
    kept: bool = False,
    progress: Callable[[float], None] = lambda _: None,
    **sampling: Any,
) -> list[tuple[Candidate, ...]]:
    """Up to `n` candidates for each context, of which `before` tells what is read. A context's seed is its place.
    `kept`: what was read of them is remembered, as far as the generator's bound goes, for when they are written again.
    """
    asked = [Request(before(each), n, seed * 100_003 + place, dialog=id(each)) for place, each in enumerate(some)]
    return answers(generator, asked, kept=kept, progress=progress, **sampling)


def answers(
    generator: Generator,
    asked: Sequence[Request],
    *,
    of_each: int = 1,
    kept: bool = False,
    max_tokens: int = 48,
    temperature: float = 0.8,
    top_p: float = 0.9,
    progress: Callable[[float], None] = lambda _: None,
) -> list[tuple[Candidate, ...]]:
    """What each request gets, several of them side by side. `of_each`: so many that follow each other are for one
    dialog, and stay together."""
    longest = max((_characters(request.transcript) for request in asked), default=0)
    rows = min(ROWS, TOKENS // (longest // CHARACTERS_PER_TOKEN + max_tokens))
    at_once = max(1, rows // max((request.n * of_each for request in asked), default=1)) * of_each
    found: list[tuple[Candidate, ...]] = []
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        found += generator.replies(part, max_tokens=max_tokens, temperature=temperature, top_p=top_p)
        if not kept:
            for request in part:
                generator.forget(request.dialog)
        progress(len(found) / len(asked))
    return found


def _characters(transcript: Transcript) -> int:
    return sum(len(text) for turn in transcript.turns for text in turn.texts)


def first(written: Sequence[tuple[Candidate, ...]]) -> list[Reply]:
    """The first candidate of each context as texts, empty where there is none."""
    return [made[0].texts if made else () for made in written]


def tail(before: Transcript, characters: int) -> Transcript:
    """The last turns, of about so many characters, at least one."""
    first, size = len(before.turns) - 1, 0
    while first > 0 and (size := size + sum(map(len, before.turns[first].texts))) < characters:
        first -= 1
    return Transcript(before.turns[first:])


def temperature(
    generator: Generator,
    some: Sequence[Exchange],
    real: float,
    *,
    grid: Sequence[float] = TEMPERATURES,
    seed: int = 1,
    characters: int = 1200,
    progress: Callable[[float], None] = lambda _: None,
    **sampling: Any,
) -> tuple[float, dict[float, float]]:
    """The temperature at which the written replies are as likely to the model as the real ones, `real` being their mean
    log-probability per token; between two of the grid by interpolation. And what was measured at each, up to the first
    at which they are less likely: hotter, they are less likely still.

    A context is read once for all temperatures, and its replies are drawn with the same chance at each.
    """
    asked = [
        Request(tail(each.before, characters), 1, seed * 100_003 + place, dialog=id(each), temperature=warmth)
        for place, each in enumerate(some)
        for warmth in grid
    ]
    made = answers(generator, asked, of_each=len(grid), progress=progress, **sampling)
    measured: dict[float, float] = {}
    for place, each in enumerate(grid):
        total = [(c.logprob_mean or 0.0, c.tokens) for candidates in made[place :: len(grid)] for c in candidates]
        measured[each] = sum(mean * n for mean, n in total) / max(1, sum(n for _, n in total))
        if measured[each] <= real:
            break
    return matching(measured, real), measured


def matching(measured: dict[float, float], real: float) -> float:
    """Where a falling curve, given at some temperatures, meets `real`; its nearest end where it does not."""
    points = sorted(measured.items())
    for (cool, above), (warm, below) in pairwise(points):
        if above >= real >= below and above > below:
            return cool + (warm - cool) * (above - real) / (above - below)
    return points[0][0] if real > points[0][1] else points[-1][0]
