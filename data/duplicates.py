"""The same text once more, or nearly: found without comparing all with all.

A text is known by its character 5-shingles, and filed under each pair of the four smallest hashes of them (bottom-k
MinHash, Broder 1997): two texts that share 80 % of their shingles share such a pair with a probability of 97 %, others
seldom. Who meets in a file is compared exactly, so nothing is taken for a copy that is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.prints import BETWEEN, SHINGLE, Prints

SHORTEST = 25
"""Characters below which saying it again is conversation, not copying."""
KEEP = 2
ALIKE = 0.8
"""Jaccard similarity of shingles."""


@dataclass(slots=True)
class _Seen:
    """Texts seen so far, by their places. Nearly always the first text of a file begins a group, so who comes later
    is compared with that one, all in columns; `moved` are the files of which that is not true."""

    texts: Sequence[str]
    prints: Prints
    firsts: NDArray[np.int64]
    """The first text of each file of a text,"""
    near: NDArray[np.bool_]
    """and whether it may be alike."""
    exact: Counter[str] = field(default_factory=Counter)
    moved: dict[int, int | None] = field(default_factory=dict)
    """The text that begins a group in a file whose first text belongs to another one; None before there is one."""

    def again(self, place: int, is_near: bool) -> bool:
        """Whether this text was seen `KEEP` times before, and count it."""
        text = self.texts[place]
        first = self._alike(place) if (is_near or self.moved) and text not in self.exact else text
        self.exact[first] += 1
        return self.exact[first] > KEEP

    def _alike(self, place: int) -> str:
        """The first text of the group that this one belongs to; itself where it begins one."""
        files, firsts = self.prints.files[place].tolist(), self.firsts[place].tolist()
        met = {first for first, near in zip(firsts, self.near[place], strict=True) if near}
        met -= {first for file, first in zip(files, firsts, strict=True) if file in self.moved}
        met |= {other for file in files if (other := self.moved.get(file)) is not None and self._may_be(place, other)}
        text = self.texts[place]
        for other in sorted(met, key=lambda each: (self.prints.sizes[each], self.texts[each])):
            if _jaccard(_shingles(text), _shingles(self.texts[other])) >= ALIKE:
                self.moved |= {file: None for file, first in zip(files, firsts, strict=True) if first == place}
                return str(self.texts[other])
        self.moved |= {file: place for file in files if self.moved.get(file, place) is None}
        return text

    def _may_be(self, one: int, other: int) -> bool:
        return bool(may_be_alike(self.prints, np.array([one]), np.array([other]))[0])


def again(texts: Sequence[str], prints: Prints) -> list[bool]:
    """Whether each of these texts (normal form, long enough) stands `KEEP` times before it, or nearly so. `prints` are
    those of these texts, in any order."""
    places = {text: place for place, text in enumerate(prints.texts)}
    prints = prints.some(np.fromiter(map(places.__getitem__, texts), np.int64, len(texts)))
    _, index, of = np.unique(prints.files, return_index=True, return_inverse=True)
    firsts = index[of.reshape(prints.files.shape)] // prints.files.shape[1]
    text, file = np.nonzero((firsts < np.arange(len(texts))[:, None]) & (prints.files > 0))
    near = np.zeros(prints.files.shape, bool)
    near[text, file] = may_be_alike(prints, text, firsts[text, file])
    seen = _Seen(texts, prints, firsts, near)
    is_near = np.asarray(near.any(axis=1)).tolist()
    return list(map(seen.again, range(len(texts)), is_near))


def may_be_alike(prints: Prints, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether two texts can share 80 % of their shingles: then the smaller set has 80 % of the larger, and for each
    that only one of them has they share four."""
    size, other_size = prints.sizes[ones], prints.sizes[others]
    alike = np.minimum(size, other_size) >= ALIKE * np.maximum(size, other_size)
    most = np.maximum(1, np.minimum(prints.lengths[ones], prints.lengths[others]) - len(BETWEEN))
    differ = np.bitwise_count(prints.sketches[ones] ^ prints.sketches[others]).sum(axis=1)
    return np.asarray(alike & (differ <= (1 / ALIKE - 1) * most))


def _shingles(text: str) -> set[str]:
    """All stretches of five characters."""
    return {text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
