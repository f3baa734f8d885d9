"""The nearest past context by BM25 (Robertson and Zaragoza, 2009), with the usual k1 = 1.5 and b = 0.75."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
K1, B = 1.5, 0.75


class Index:
    """Texts to look up by their words."""

    def __init__(self, texts: Sequence[str]) -> None:
        words = [Counter(tokens(text)) for text in texts]
        self._sizes = [count.total() for count in words]
        self._mean = sum(self._sizes) / max(1, len(words)) or 1.0
        self._where: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, count in enumerate(words):
            for word, times in count.items():
                self._where[word].append((place, times))

    def best(self, query: str, n: int) -> list[int]:
        """The places of the `n` best texts, best first; fewer where no more share a word with the query."""
        scores: dict[int, float] = defaultdict(float)
        for word in sorted(set(tokens(query))):
            found = self._where.get(word, ())
            rarity = math.log(1 + (len(self._sizes) - len(found) + 0.5) / (len(found) + 0.5))
            for place, times in found:
                longer = 1 - B + B * self._sizes[place] / self._mean
                scores[place] += rarity * times * (K1 + 1) / (times + K1 * longer)
        return sorted(scores, key=lambda place: (-scores[place], place))[:n]


def tokens(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())
