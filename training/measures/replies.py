"""Replies to held-out contexts, as the twin would write them: several at a time, at a temperature that makes its words
as unexpected as the owner's are.

Sampling as such is too tame or too wild: at the right temperature the mean log-probability of a written token is that
of a real one under the same model (an entropy match).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from data.transcript import Transcript
from training.candidate import Candidate
from training.generate import Generator, Request
from training.measures.exchange import Exchange
from training.style import Reply

ROWS = 24
"""Replies written side by side: a step reads all weights, however many there are."""
TEMPERATURES = (0.6, 0.8, 1.0, 1.2)


def write(
    generator: Generator,
    some: Sequence[Exchange],
    *,
    n: int = 1,
    seed: int = 1,
    characters: int = 1200,
    max_tokens: int = 48,
    temperature: float = 0.8,
    top_p: float = 0.9,
    progress: Callable[[float], None] = lambda _: None,
) -> list[tuple[Candidate, ...]]:
    """Up to `n` candidates for each context, of which the last `characters` are read. A context's seed is its place."""
    found: list[tuple[Candidate, ...]] = []
    at_once = max(1, ROWS // n)
    for start in range(0, len(some), at_once):
        part = some[start : start + at_once]
        asked = [
            Request(tail(each.before, characters), n, seed * 100_003 + start + place, dialog=place)
            for place, each in enumerate(part)
        ]
        found += generator.replies(asked, max_tokens=max_tokens, temperature=temperature, top_p=top_p)
        for request in asked:
            generator.forget(request.dialog)
        progress(len(found) / len(some))
    return found


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
    max_tokens: int = 48,
    top_p: float = 0.9,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[float, dict[float, float]]:
    """The temperature at which the written replies are as likely to the model as the real ones, `real` being their mean
    log-probability per token; between two of the grid by interpolation. And what was measured at each."""
    measured: dict[float, float] = {}
    for place, each in enumerate(grid):
        progress(place / len(grid))
        made = write(
            generator,
            some,
            seed=seed,
            characters=characters,
            max_tokens=max_tokens,
            temperature=each,
            top_p=top_p,
        )
        total = [(c.logprob_mean or 0.0, c.tokens) for candidates in made for c in candidates]
        measured[each] = sum(mean * n for mean, n in total) / max(1, sum(n for _, n in total))
        if measured[each] <= real:  # hotter is less likely still
            break
    return matching(measured, real), measured


def matching(measured: dict[float, float], real: float) -> float:
    """Where a falling curve, given at some temperatures, meets `real`; its nearest end where it does not."""
    points = sorted(measured.items())
    for (cool, above), (warm, below) in pairwise(points):
        if above >= real >= below and above > below:
            return cool + (warm - cool) * (above - real) / (above - below)
    return points[0][0] if real > points[0][1] else points[-1][0]
