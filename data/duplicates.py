"""The same text once more, or nearly: found without comparing all with all.

A text is known by its character 5-shingles. Each text is filed under the three smallest hashes of its shingles
(bottom-k MinHash, Broder 1997): of two texts that share at least 80 % of their shingles, more than 99 % share one of
the three. Who meets in a file is compared exactly, so nothing is taken for a copy that is none.
"""

from collections import defaultdict
from zlib import crc32

SHORTEST = 25
"""Characters below which saying it again is conversation, not copying."""
KEEP = 2
ALIKE = 0.8
"""Jaccard similarity of shingles."""
_SHINGLE, _FILES, _FILE_SIZE = 5, 3, 16


class Duplicates:
    """Texts seen so far. Memory grows with the kept texts."""

    def __init__(self) -> None:
        self._exact: dict[str, int] = defaultdict(int)
        self._filed: dict[int, list[str]] = defaultdict(list)
        """By hash: the first texts of groups, as keys of `_exact`."""

    def again(self, text: str) -> bool:
        """Whether this text (normal form, long enough) was seen `KEEP` times already, and count it."""
        first = text if text in self._exact else self._alike(text)
        self._exact[first] += 1
        return self._exact[first] > KEEP

    def _alike(self, text: str) -> str:
        """The first text of the group that this one belongs to; itself where it begins one."""
        shingles = _shingles(text)
        least = sorted({crc32(shingle.encode()) for shingle in shingles})[:_FILES]
        for place in least:
            for other in self._filed.get(place, ()):
                if 0.8 * len(text) <= len(other) <= len(text) / 0.8 and _jaccard(shingles, _shingles(other)) >= ALIKE:
                    return other
        for place in least:
            # A file that fills up belongs to a shingle that says nothing, such as "hahah".
            if len(self._filed[place]) < _FILE_SIZE:
                self._filed[place].append(text)
        return text


def _shingles(text: str) -> set[str]:
    return {text[start : start + _SHINGLE] for start in range(max(1, len(text) - _SHINGLE + 1))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
