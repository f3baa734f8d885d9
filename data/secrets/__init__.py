"""Secrets in a chat line: where they stand and of what kind. Rules and two libraries, nothing is downloaded.

Most lines are made of dull words alone and are dismissed at once, the rest by a hint of each rule. docs/privacy.md says
what is recognised, how often, and what is not.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from data.secrets import accounts, codes, emails, passwords, phones, seeds, vendors, wallets

_MARKS = re.compile(r"[\d@]")
_ONE_WORD = re.compile(rf"\W*[^\W\d_{seeds.HAN}]*\W*")
_STEMS = (*passwords.STEMS, *emails.STEMS)
_LONG = 16
"""Characters without a space from which on a word may be a key or an address."""


Spans = Callable[[str], Iterator[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret in a text: `text[start:end]`."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Secret]:
    """All secrets in a text, left to right, not overlapping; the earlier rule wins. Pure."""
    words = text.split()
    if len(words) < seeds.LEAST and _dull.issuperset(words):  # as most are
        return []
    found: list[Secret] = []
    for kind, spans in _rules(text, words):
        for start, end in spans(text):
            if all(end <= other.start or start >= other.end for other in found):
                found.append(Secret(kind, start, end))
    return sorted(found, key=lambda secret: secret.start)


def suspects(texts: Sequence[str]) -> list[int]:
    """The places of those of these texts that may hold a secret. Most hold none, and their words are all known."""
    some = [place for place, text in enumerate(texts) if not _is_plain(text)]
    _learn({word for place in some for word in texts[place].split()})
    return [place for place in some if not _is_plain(texts[place])]


def _is_plain(text: str) -> bool:
    """Whether this text holds no secret, as far as its words have been met."""
    words = text.split()
    return _dull.issuperset(words) and (len(words) < seeds.LEAST or (text.isascii() and seeds.unlikely(words)))


def _rules(text: str, words: list[str]) -> Iterator[tuple[str, Spans]]:
    """The rules that may find something in this text: most lines have none of what they look for."""
    _learn(words)
    if _dull.issuperset(words):
        if len(words) >= seeds.LEAST:
            yield "seed", seeds.spans
        return
    says = text.lower().__contains__
    marks = bool(_MARKS.search(text))
    long = any(map(_LONG.__le__, map(len, words)))
    password = any(map(says, passwords.STEMS))
    many = marks and sum(map(str.isdigit, text)) >= accounts.LEAST
    if long:
        yield "token", vendors.spans
    if "@" in text or any(map(says, emails.STEMS)):
        yield "email", emails.spans
    if len(words) >= seeds.LEAST or not text.isascii():
        yield "seed", seeds.spans
    if many:
        yield "iban", accounts.ibans
        yield "card", accounts.cards
    if long:
        yield "wallet", wallets.spans
    if long or (password and marks):
        yield "token", vendors.unnamed
    if marks and any(map(says, codes.STEMS)):
        yield "code", codes.spans
    if password or "@" in text:
        yield "password", passwords.spans
    if marks:
        yield "phone", phones.spans


_dull: set[str] = set()
"""Dull words met so far: people say the same words over and over, so a word is looked up far more often than found
out."""
_MOST = 100_000


def _learn(words: Iterable[str]) -> None:
    if len(_dull) > _MOST:
        _dull.clear()
    _dull.update(_dull_among([word for word in words if word not in _dull]))


def _dull_among(words: Iterable[str]) -> Iterator[str]:
    """Those that no rule looks for, but as one of a seed phrase. Stems that none of these words holds are not looked
    for in each."""
    plain = [
        word
        for word in words
        if len(word) < _LONG and not _MARKS.search(word) and (word.isascii() or _ONE_WORD.fullmatch(word))
    ]
    said = [f" {word.lower()} " for word in plain]
    stems = list(filter("".join(said).__contains__, _STEMS))
    return (word for word, each in zip(plain, said, strict=True) if not any(map(each.__contains__, stems)))
