"""Facts a reply may only tell when this chat knows them: numbers, links, addresses, secrets, surrogates.

A language model invents phone numbers and remembers other people's. So whatever looks like one of these must stand in
the chat's own recent history; the check compares normal forms, so that spaces, dots and full-width digits change
nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.guard.words import normal
from data import redact
from data.redact import Surrogates

_SHORTEST = 3
"""Digits from which on a number is a fact; shorter ones are how people talk."""

_RUN = re.compile(r"\d+(?:[\W_]{1,3}\d+)*")
_GROUPS_JOINED = 12
"""How many neighbouring groups of a context are joined to one known number, a spelled-out phone at most."""

_ORDINARY = re.compile(r"(?:19|20)\d\d|\d\d?0{1,5}|101|247|360|365|404|5050")
"""Years, round numbers and "24/7": everybody says them, and they tell little. A PIN may look like a year; but nobody
could answer "when was that film?" without them, and one remark in sixty holds one."""

_ZONES = r"com|net|org|info|edu|gov|ru|su|by|ua|kz|uk|de|fr|es|eu|io|app|dev|xyz|site|online|shop|club|pro|gg|ly|рф"
_LINK = re.compile(
    rf"(?:[a-z][a-z0-9+]{{1,11}}://|www\.)[^\s<>()]+|(?<![\w@.])(?:[\w-]+\.)+(?:(?:{_ZONES})(?!\w)(?:/[^\s<>()]*)?"
    r"|[a-z]{2,}/[^\s<>()]*)"
)
_SPOKEN_DOT = re.compile(rf"\s*[(\[]?\s*(?:(?<=\s)dot|(?<=\s)точка|(?<=[(\[])dot)\s*[)\]]?\s*(?=(?:{_ZONES})(?!\w))")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_USERNAME = re.compile(r"(?<![\w.@/])@[a-z]\w{2,31}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a chat's own messages have told already."""

    texts: tuple[str, ...]
    numbers: frozenset[str]
    addresses: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Known":
        """Read the texts of one chat."""
        texts = tuple(texts)
        numbers = {number for text in texts for run in _runs(text) for number in _joins(run)}
        return cls(texts, frozenset(numbers), frozenset(address for text in texts for address in _addresses(text)))

    def lacks_number(self, reply: Sequence[str]) -> bool:
        """Whether the reply holds a number of three or more digits that was never said here. Digits spread over
        several messages or spelled one by one are one number."""
        return any(not self._knows_run(run) for run in _runs("\n".join(reply)))

    def lacks_address(self, reply: Sequence[str]) -> bool:
        """Whether the reply holds a link, an e-mail address or an @username that was never said here."""
        return any(address not in self.addresses for text in reply for address in _addresses(text))

    def lacks_secret(self, reply: Sequence[str]) -> bool:
        """Whether the reply holds a secret, as `data.redact` finds them, that does not stand here exactly."""
        return any(
            not self._knows_secret(text[secret.start : secret.end]) for text in reply for secret in redact.find(text)
        )

    def _knows_run(self, groups: Sequence[str]) -> bool:
        whole = "".join(groups)
        # "24/7" and "1,000" are ordinary in two groups or in thousands; "2 0 1 7" is somebody spelling a code.
        as_one = len(groups) <= 2 or all(len(group) == 3 for group in groups[1:])
        if len(whole) < _SHORTEST or whole in self.numbers or (as_one and _ORDINARY.fullmatch(whole)):
            return True
        # "101 or 2024" is two numbers, "4 8 2 1" is one: only short groups side by side are joined.
        parts: list[str] = []
        for before, group in zip(["000", *groups], groups, strict=False):
            if parts and len(before) < _SHORTEST and len(group) < _SHORTEST:
                parts[-1] += group
            else:
                parts.append(group)
        return all(
            len(part) < _SHORTEST or part in self.numbers or (part in groups and _ORDINARY.fullmatch(part))
            for part in parts
        )

    def _knows_secret(self, secret: str) -> bool:
        alone = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
        return any(alone.search(text) for text in self.texts) or (
            not any(char.isalpha() for char in secret) and self._knows_run([digits(secret)])
        )


def left_over(reply: Sequence[str], surrogates: Surrogates) -> bool:
    """Whether a surrogate still stands in a reply that `Surrogates.restore` has been through: the model wrote it in
    another form (spaced, in capitals), so nobody knows what it meant."""
    text = "\n".join(reply)
    folded = text.casefold()
    spoken = {number for run in _runs(text) for number in _joins(run)}
    return any(
        stand_in.casefold() in folded or (len(digits(stand_in)) >= 4 and digits(stand_in) in spoken)
        for stand_in in surrogates.originals
    )


def digits(text: str) -> str:
    """The decimal digits of a text, of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(char)) for char in unicodedata.normalize("NFKC", text) if char.isdecimal())


def _runs(text: str) -> list[list[str]]:
    """Groups of digits that may be one number, because only separators lie between them."""
    plain = "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char for char in unicodedata.normalize("NFKC", text)
    )
    return [re.findall(r"\d+", run[0]) for run in _RUN.finditer(plain)]


def _joins(groups: Sequence[str]) -> set[str]:
    """Every number that neighbouring groups can be read as."""
    joined: set[str] = set()
    for start in range(len(groups)):
        number = ""
        for group in groups[start : start + _GROUPS_JOINED]:
            number += group
            if len(number) >= _SHORTEST:
                joined.add(number)
    return joined


def _addresses(text: str) -> set[str]:
    plain = _SPOKEN_DOT.sub(".", normal(text))
    emails = {match[0].strip(".") for match in _EMAIL.finditer(plain)}
    rest = _EMAIL.sub(" ", plain)
    links = {_link(match[0]) for match in _LINK.finditer(rest)}
    return emails | links | {match[0] for match in _USERNAME.finditer(rest)}


def _link(text: str) -> str:
    """A link without what may be left out when one types it."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", text).rstrip("/.,;:!?'\"»…")
