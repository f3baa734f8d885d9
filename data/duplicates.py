"""The same text once more, or nearly: found without comparing all with all.

A text is known by its character 5-shingles, and filed under each pair of the four smallest hashes of them (bottom-k
MinHash, Broder 1997): two texts that share 80 % of their shingles share such a pair with a probability of 97 %, others
hardly ever. Who meets in a file is compared exactly, so nothing is taken for a copy that is none.
"""

from collections import defaultdict
from itertools import combinations
from zlib import crc32

SHORTEST = 25
"""Characters below which saying it again is conversation, not copying."""
KEEP = 2
ALIKE = 0.8
"""Jaccard similarity of shingles."""
_SHINGLE, _LEAST = 5, 4


class Duplicates:
    """Texts seen so far. Memory grows with the kept texts."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = defaultdict(int)
        self._filed: dict[tuple[int, ...], str] = {}
        """By pair of hashes: the first text of a group, a key of `_exact`."""

    def again(self, text: str) -> bool:
        """Whether this text (normal form, long enough) was seen `KEEP` times already, and count it."""
        first = text if text in self._exact else self._alike(text)
        self._exact[first] += 1
        return self._exact[first] > KEEP

    def _alike(self, text: str) -> str:
        """The first text of the group that this one belongs to; itself where it begins one."""
        shingles = _shingles(text)
        files = list(combinations(sorted(shingles)[:_LEAST], 2))
        for file in files:
            other = self._filed.get(file)
            if other is not None and _jaccard(shingles, _shingles(other)) >= ALIKE:
                return other
        for file in files:
            self._filed.setdefault(file, text)
        return text


def _shingles(text: str) -> set[int]:
    """Hashes of all stretches of five characters."""
    wide = text.encode("utf-16-le", "surrogatepass")
    return {crc32(wide[start : start + 2 * _SHINGLE]) for start in range(0, max(1, len(wide) - 2 * _SHINGLE + 1), 2)}


def _jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)
