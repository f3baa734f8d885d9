"""The same text once more, or nearly: found without comparing all with all.

A text is known by its character 5-shingles, and filed under each pair of the four smallest hashes of them (bottom-k
MinHash, Broder 1997): two texts that share 80 % of their shingles share such a pair with a probability of 97 %, others
hardly ever. Who meets in a file is compared exactly, so nothing is taken for a copy that is none.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHORTEST = 25
"""Characters below which saying it again is conversation, not copying."""
KEEP = 2
ALIKE = 0.8
"""Jaccard similarity of shingles."""
_SHINGLE, _LEAST = 5, 4
_BETWEEN = "\0" * (_SHINGLE - 1)
_AT_ONCE = 2000
"""Texts that are hashed together."""
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_FACTOR, _MIXER = np.uint64(0x9E3779B1), np.uint64(0x9E3779B97F4A7C15)
"""Odd numbers without a pattern in their bits (Knuth's multiplicative hashing)."""


class Duplicates:
    """Texts seen so far. Memory grows with the kept texts."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = defaultdict(int)
        self._filed: dict[int, tuple[int, str]] = {}
        """By pair of hashes: the first text of a group, a key of `_exact`, with its number of shingles."""

    def again(self, texts: Sequence[str]) -> list[bool]:
        """Whether each of these texts (normal form, long enough) was seen `KEEP` times before, and count it."""
        again = list[bool]()
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            files, sizes = _files(some)
            again += [self._again(*each) for each in zip(some, files.tolist(), sizes.tolist(), strict=True)]
        return again

    def _again(self, text: str, files: list[int], size: int) -> bool:
        first = text if text in self._exact else self._alike(text, files, size)
        self._exact[first] += 1
        return self._exact[first] > KEEP

    def _alike(self, text: str, files: list[int], size: int) -> str:
        """The first text of the group that this one belongs to; itself where it begins one."""
        found = {self._filed[file] for file in files if file in self._filed}
        # Of two sets that share 80 % the smaller one has 80 % of the larger.
        near = sorted(other for other in found if min(size, other[0]) >= ALIKE * max(size, other[0]))
        shingles = _shingles(text) if near else set()
        for _, other in near:
            if _jaccard(shingles, _shingles(other)) >= ALIKE:
                return other
        filed = size, text
        for file in filter(None, files):
            self._filed.setdefault(file, filed)
        return text


def lone(texts: Sequence[str]) -> list[bool]:
    """Whether a text shares no file with another of these, and so is nobody's copy: `Duplicates` need not see it. Most
    are so, and this looks at all of them at once."""
    files = [_files(texts[start : start + _AT_ONCE])[0] for start in range(0, len(texts), _AT_ONCE)]
    if not files:
        return []
    filed = np.concatenate(files)
    _, which, counts = np.unique(filed, return_inverse=True, return_counts=True)
    alone = ((counts[which.reshape(filed.shape)] == 1) | (filed == 0)).all(axis=1)
    said = Counter(texts)
    return [bool(one) and said[text] == 1 for text, one in zip(texts, alone.tolist(), strict=True)]


def _files(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """For each text the pairs of its smallest hashes, six numbers, 0 for a pair that it lacks; and how many different
    shingles it has. All are hashed at once: text by text this took longer than all else in a build."""
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    wide = _BETWEEN.join([*texts, ""]).encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(wide, dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(max(0, len(letters) - len(_BETWEEN)), dtype=np.uint64)
    for place in range(_SHINGLE):
        hashes = hashes * _FACTOR + letters[place : place + len(hashes)]
    hashes = (hashes * _MIXER) >> _HALF
    starts = np.cumsum(sizes + len(_BETWEEN)) - sizes - len(_BETWEEN)
    of = np.repeat(np.arange(len(texts)), np.diff(starts, append=len(hashes)))
    inside = np.arange(len(hashes)) - starts[of] < np.maximum(1, sizes - len(_BETWEEN))[of]
    keys = np.sort((of[inside].astype(np.uint64) << _HALF) | hashes[inside])
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    of = (keys >> _HALF).astype(np.int64)
    firsts = np.searchsorted(of, np.arange(len(texts)))
    least = np.zeros((len(texts), _LEAST), dtype=np.uint64)
    rank = np.arange(len(keys)) - firsts[of]
    few = rank < _LEAST
    least[of[few], rank[few]] = keys[few] & _LOW
    one, two = np.triu_indices(_LEAST, 1)
    pairs = np.where(least[:, two] > 0, (least[:, one] << _HALF) | least[:, two], 0)
    return pairs, np.diff(firsts, append=len(keys))


def _shingles(text: str) -> set[str]:
    """All stretches of five characters."""
    return {text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
