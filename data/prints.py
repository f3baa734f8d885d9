"""What a text is known by among others: hashes of its character 5-shingles, of many texts together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
BETWEEN = "\0" * (SHINGLE - 1)
_LEAST = 4
_AT_ONCE = 2000
"""Texts that are hashed together."""
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_FACTOR, _MIXER = np.uint64(0x9E3779B1), np.uint64(0x9E3779B97F4A7C15)
"""Odd numbers without a pattern in their bits (Knuth's multiplicative hashing)."""
_SKETCH = 256
"""Bits, a power of two."""


@dataclass(frozen=True, slots=True)
class Prints:
    """One entry a text in each column."""

    texts: list[str]
    lengths: NDArray[np.int64]
    """Characters."""
    files: NDArray[np.uint64]
    """The pairs of its smallest hashes, six numbers, 0 for a pair that it lacks."""
    sizes: NDArray[np.int64]
    """Different shingles."""
    sketches: NDArray[np.uint64]
    """A bit for each shingle, some of them the same: what one text has and another one has not is at least as many
    shingles as it is bits."""

    def some(self, places: NDArray[np.int64]) -> "Prints":
        """Those of the texts in these places."""
        texts = [self.texts[place] for place in places.tolist()]
        return Prints(texts, self.lengths[places], self.files[places], self.sizes[places], self.sketches[places])


def joined(many: Sequence[Prints]) -> Prints:
    """The prints of all of these, one or more."""
    return Prints(
        [text for each in many for text in each.texts],
        np.concatenate([each.lengths for each in many]),
        np.concatenate([each.files for each in many]),
        np.concatenate([each.sizes for each in many]),
        np.concatenate([each.sketches for each in many]),
    )


def take(texts: Sequence[str]) -> Prints:
    """The prints of these texts."""
    return joined([_some(texts[start : start + _AT_ONCE]) for start in range(0, max(1, len(texts)), _AT_ONCE)])


def _some(texts: Sequence[str]) -> Prints:
    """All are hashed at once: text by text this took longer than all else in a build."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    keys = _keys(texts, lengths)
    of = (keys >> _HALF).astype(np.int64)
    firsts = np.searchsorted(of, np.arange(len(texts)))
    least = np.zeros((len(texts), _LEAST), dtype=np.uint64)
    rank = np.arange(len(keys)) - firsts[of]
    few = rank < _LEAST
    least[of[few], rank[few]] = keys[few] & _LOW
    one, two = np.triu_indices(_LEAST, 1)
    pairs = np.where(least[:, two] > 0, (least[:, one] << _HALF) | least[:, two], 0)
    bits = np.zeros((len(texts), _SKETCH), dtype=bool)
    bits[of, (keys & np.uint64(_SKETCH - 1)).astype(np.int64)] = True
    sketches = np.packbits(bits, axis=1).view(np.uint64)
    return Prints([*texts], lengths, pairs, np.diff(firsts, append=len(keys)), sketches)


def _keys(texts: Sequence[str], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The different hashes of each text, its number before each, in order."""
    wide = BETWEEN.join([*texts, ""]).encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(wide, dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(max(0, len(letters) - len(BETWEEN)), dtype=np.uint64)
    for place in range(SHINGLE):
        hashes = hashes * _FACTOR + letters[place : place + len(hashes)]
    hashes = (hashes * _MIXER) >> _HALF
    starts = np.cumsum(sizes + len(BETWEEN)) - sizes - len(BETWEEN)
    of = np.repeat(np.arange(len(texts)), np.diff(starts, append=len(hashes)))
    inside = np.arange(len(hashes)) - starts[of] < np.maximum(1, sizes - len(BETWEEN))[of]
    keys = np.sort((of[inside].astype(np.uint64) << _HALF) | hashes[inside])
    different = np.append(True, keys[1:] != keys[:-1])
    return np.asarray(keys[different[: len(keys)]])
