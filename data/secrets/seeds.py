"""Seed phrases: twelve or more words of one of BIP-39's lists, or of any list beside a word for them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import mnemonic

from data.secrets.words import words

LEAST = 12
SIZES = (12, 15, 18, 20, 21, 24, 25, 33)
"""Words of a phrase in BIP-39, SLIP-39 and Monero."""
HAN = r"\u4e00-\u9fff"
"""Chinese characters, each of which is a word of a phrase."""

_WORD = re.compile(r"[^\W\d_]+")
_NUMBERED = re.compile(r"(?<!\w)\d{1,2}\W{0,3}$")
_LIGHT = re.compile(r"(?!:)[\s\d.,;:)(\]\[\-–—/|_•*#\"'«»>=+]*")
"""What may stand between two words of a phrase: numbers and marks, nothing said."""

_TRIGGER = re.compile(
    r"(?i)seed|mnemonic|recovery|backup|phrase|wallet|ledger|trezor|metamask|monero|electrum|сид|фраз|мнемон|кошел"
    r"|слов|гаманц|w(?:ö|oe)rter|frase|semilla|palabras|mots|parole|palavras|kelime|słów|słow|slov|woorden"
)
_ASCII_TRIGGERS = [
    "seed",
    "mnemonic",
    "recovery",
    "backup",
    "phrase",
    "wallet",
    "ledger",
    "trezor",
    "metamask",
    "monero",
    "electrum",
    "woerter",
    "frase",
    "semilla",
    "palabras",
    "mots",
    "parole",
    "palavras",
    "kelime",
    "slov",
    "woorden",
]
"""All that the pattern can find where there is nothing but ASCII, which most of this talk is."""
_PLAIN = re.compile(r"[a-z]{3,12}")
_SAID = frozenset(words("talk"))
_IN_A_ROW = 4
_MOST = 100_000
"""Words whose signs are remembered."""
_CHANCE = 2
"""Common words that a phrase holds by chance; talk holds more."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Phrases in any script, numbered, in lines, between commas or dashes."""
    if text.isascii():  # as most of it is: a call per word takes longer than all words at once
        sample = _WORD.findall(text.lower())[2::3]
    else:
        yield from (match.span() for match in _HAN.finditer(text) if _all_han(match[0]))
        sample = [_plain(word) for word in _WORD.findall(text)[2::3]]
    known = sum(map(_all().__contains__, sample)) >= _IN_A_ROW and _in_a_row(word in _all() for word in sample)
    loose = _triggered(text) and _in_a_row(len(word) > 2 and word not in _SAID for word in sample)
    if not known and not loose:
        return
    places = [match.span() for match in _WORD.finditer(text)]
    plain = [_plain(text[start:end]) for start, end in places]
    if known:
        for list_ in _lists():
            yield from _runs(text, places, [word in list_ for word in plain])
    if loose:
        yield from _runs(text, places, [bool(_PLAIN.fullmatch(word)) and word not in _SAID for word in plain])


class _Signs(dict[str, int]):
    """Of each word met so far, how many words of the lists are in it; of a word for a phrase, as many as one needs."""

    def __missing__(self, word: str) -> int:
        if len(self) > _MOST:
            self.clear()
        listed = sum(map(_all().__contains__, _WORD.findall(word.lower())))
        self[word] = signs = LEAST if _triggered(word) else listed
        return signs


_signs = _Signs()


def unlikely(words: Iterable[str]) -> bool:
    """Whether a line of these words, all of ASCII, holds no phrase for sure: it has too few words of the lists, and no
    word for one."""
    return sum(map(_signs.__getitem__, words)) < LEAST


def _triggered(text: str) -> bool:
    if text.isascii():
        return any(map(text.lower().__contains__, _ASCII_TRIGGERS))
    return bool(_TRIGGER.search(text))


def _in_a_row(hits: Iterable[bool]) -> bool:
    """Whether a phrase can be there at all: twelve words in a row hold four of every third word."""
    row = 0
    for hit in hits:
        row = row + 1 if hit else 0
        if row == _IN_A_ROW:
            return True
    return False


def _runs(text: str, places: list[tuple[int, int]], fits: list[bool]) -> Iterator[tuple[int, int]]:
    start: int | None = None
    joined = [bool(_LIGHT.fullmatch(text, a[1], b[0])) for a, b in pairwise(places)]
    for i, fit in enumerate([*fits, False]):
        if start is not None and (not fit or not joined[i - 1]):
            while i - start > LEAST and i - start not in SIZES and _TRIGGER.search(text, *places[start]):
                start += 1  # "seed phrase" before it, or "my wallet backup"
            said = sum(_plain(text[a:b]) in _SAID for a, b in places[start:i])
            if i - start >= LEAST and said <= _CHANCE:
                number = _NUMBERED.search(text, 0, places[start][0])
                yield number.start() if number else places[start][0], places[i - 1][1]
            start = None
        if fit and start is None:
            start = i


_HAN = re.compile(rf"[{HAN}](?:\s*[{HAN}]){{11,23}}")


def _all_han(text: str) -> bool:
    return any(set(_plain(re.sub(r"\s", "", text))) <= list_ for list_ in _lists())


def _plain(word: str) -> str:
    """A word without capitals and accents, which phones add and people leave out."""
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


@cache
def _all() -> frozenset[str]:
    return frozenset().union(*_lists())


@cache
def _lists() -> tuple[frozenset[str], ...]:
    folder = Path(mnemonic.__file__).parent / "wordlist"
    return tuple(
        frozenset(_plain(word) for word in path.read_text(encoding="utf-8").split())
        for path in sorted(folder.glob("*.txt"))
    )
