"""How much one own turn counts in training: new ones more than old ones, stock answers less than what is said once.

Recency halves every 18 months, down to a quarter. Frequency follows the inverse square root of a reply's share among
all of the owner's messages (after Csáky et al., 2019, who show that generic targets make generic models), so that
"ok" is learned at the owner's own rate without drowning the rest. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice

HALF_LIFE = 548 * 86_400.0
OLDEST = 0.25
RARE = 0.001
"""Share of the owner's messages up to which a reply counts in full,"""
SELDOM = 3
"""and so does one that was said no more often than this."""
LEAST = 0.3
_NOISE = re.compile(r"[\W_]+")
_ASCII_NOISE = {code: " " for code in range(128) if _NOISE.match(chr(code))}
"""The same for most texts, in a fifth of the time."""
_BETWEEN = "\0"


def normal(text: str) -> str:
    """A text without case, punctuation and spacing, where anything is left then: what counts as the same reply."""
    folded = text.casefold()
    if folded.isascii():
        return " ".join(folded.translate(_ASCII_NOISE).split()) or folded
    return _NOISE.sub(" ", folded).strip() or folded


def normals(texts: Sequence[str]) -> list[str]:
    """`normal` of each. All plain ones at once, for a call per text takes longer than what it does."""
    plain = [text.isascii() and _BETWEEN not in text for text in texts]
    joined = _BETWEEN.join(compress(texts, plain)).lower().translate(_ASCII_NOISE | {ord(_BETWEEN): _BETWEEN})
    while "  " in joined:
        joined = joined.replace("  ", " ")
    each = iter(joined.replace(f" {_BETWEEN}", _BETWEEN).replace(f"{_BETWEEN} ", _BETWEEN).strip(" ").split(_BETWEEN))
    return [(next(each) or text.lower()) if one else normal(text) for text, one in zip(texts, plain, strict=True)]


def recency(age: float) -> float:
    """The weight of what is `age` seconds older than the newest message."""
    return float(max(OLDEST, 2 ** (-max(0.0, age) / HALF_LIFE)))


def frequency(replies: Mapping[str, int], total: int) -> dict[str, float]:
    """The weights of replies said that often among `total` messages, those below 1 only."""
    rare = max(RARE * total, SELDOM)
    return {reply: max(LEAST, (rare / count) ** 0.5) for reply, count in replies.items() if count > rare}


def each(
    replies: Iterable[str], counts: Iterable[int], common: Mapping[str, float], ages: Iterable[float]
) -> Iterator[float]:
    """The weight of each of these turns, two digits: the mean of the frequency weights of its messages, given as
    `normal` writes them, times its recency. `counts` are their messages."""
    frequent = iter([common.get(reply, 1.0) for reply in replies])
    for count, age in zip(counts, ages, strict=True):
        yield round(sum(islice(frequent, count)) / count * recency(age), 2)
