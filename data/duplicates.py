"""The same text once more, or nearly: found without comparing all with all.

A text is known by its character 5-shingles, and filed under each pair of the four smallest hashes of them (bottom-k
MinHash, Broder 1997): two texts that share 80 % of their shingles share such a pair with a probability of 97 %, others
seldom. Who meets in a file is compared exactly, so nothing is taken for a copy that is none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
_SKETCH = 256
"""Bits, a power of two."""


class _Known(NamedTuple):
    """What a text is known by."""

    size: int
    """Different shingles."""
    text: str
    sketch: int
    """A bit for each shingle, some of them the same: what one text has and another one has not is at least as many
    shingles as it is bits."""


@dataclass(slots=True)
class _Seen:
    """Texts seen so far. Memory grows with the kept texts."""

    exact: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    filed: dict[int, _Known] = field(default_factory=dict)
    """By pair of hashes: the first text of a group, a key of `exact`."""

    def again(self, known: _Known, files: list[int]) -> bool:
        """Whether this text was seen `KEEP` times before, and count it."""
        first = known.text if known.text in self.exact else self._alike(known, files)
        self.exact[first] += 1
        return self.exact[first] > KEEP

    def _alike(self, known: _Known, files: list[int]) -> str:
        """The first text of the group that this one belongs to; itself where it begins one."""
        found = {other.text: other for file in files if (other := self.filed.get(file))}
        for other in sorted(other for other in found.values() if _may_be_alike(known, other)):
            if _jaccard(_shingles(known.text), _shingles(other.text)) >= ALIKE:
                return other.text
        for file in filter(None, files):
            self.filed.setdefault(file, known)
        return known.text


def again(texts: Sequence[str]) -> list[bool]:
    """Whether each of these texts (normal form, long enough) stands `KEEP` times before it, or nearly so."""
    seen, prints = _Seen(), [_prints(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
    alone = _alone(texts, [files for files, _ in prints])
    each = ((known, file) for files, some in prints for known, file in zip(some, files.tolist(), strict=True))
    return [not one and seen.again(*this) for one, this in zip(alone, each, strict=True)]


def _alone(texts: Sequence[str], files: Sequence[NDArray[np.uint64]]) -> Iterator[bool]:
    """Whether a text shares no file with another of these, and so is nobody's copy and need not be looked at."""
    filed = np.concatenate(files) if files else np.zeros((0, 1), np.uint64)
    _, which, counts = np.unique(filed, return_inverse=True, return_counts=True)
    alone = ((counts[which.reshape(filed.shape)] == 1) | (filed == 0)).all(axis=1)
    said = Counter(texts)
    return (one and said[text] == 1 for text, one in zip(texts, alone.tolist(), strict=True))


def _prints(texts: Sequence[str]) -> tuple[NDArray[np.uint64], list[_Known]]:
    """For each text the pairs of its smallest hashes, six numbers, 0 for a pair that it lacks; and what it is known by.
    All are hashed at once: text by text this took longer than all else in a build."""
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
    counts = np.diff(firsts, append=len(keys)).tolist()
    return pairs, list(map(_Known, counts, texts, _sketches(len(texts), of, keys)))


def _sketches(count: int, of: NDArray[np.int64], keys: NDArray[np.uint64]) -> Iterator[int]:
    bits = np.zeros((count, _SKETCH), dtype=bool)
    bits[of, (keys & np.uint64(_SKETCH - 1)).astype(np.int64)] = True
    packed = np.packbits(bits, axis=1)
    return (int.from_bytes(each, "little") for each in packed.view(f"V{_SKETCH // 8}").ravel().tolist())


def _may_be_alike(one: _Known, other: _Known) -> bool:
    """Whether two texts can share 80 % of their shingles: then the smaller set has 80 % of the larger, and for each
    that only one of them has they share four."""
    if min(one.size, other.size) < ALIKE * max(one.size, other.size):
        return False
    most = max(1, min(len(one.text), len(other.text)) - len(_BETWEEN))
    return (one.sketch ^ other.sketch).bit_count() <= (1 / ALIKE - 1) * most


def _shingles(text: str) -> set[str]:
    """All stretches of five characters."""
    return {text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
