"""What anybody can see of a style: how long, how many, how it begins and ends."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Reply = tuple[str, ...]
_LAUGHTER = re.compile(r"(?i)\b(?:a*(?:ha|he|hi|ja|ах|ха|хе){2,}h?|lo+l|lmf?ao+|rofl|x+d+)\b|\b[xX]D+\b|[)(]{2,}")
_LONGER = re.compile(r"(\w)\1{2,}")
_SMILEY = re.compile(r"[:;=][-']?[)(DPpOo/|\\3]|<3|\^\^|-_-")
_WORDS = ("i", "you", "the", "and", "a", "to", "it", "that", "is", "but", "so", "not", "my", "me", "just", "yeah")
"""English function words; in other languages the rest of the features speaks."""


@dataclass(frozen=True, slots=True)
class Style:
    """Means and shares over replies; `n` replies with `messages` messages."""

    n: int
    messages: int
    words_per_message: float
    messages_per_turn: float
    ends_with_stop: float
    """Share of messages that end in . ! or ?"""
    starts_lower: float
    """Share of messages that begin with a lower-case letter, among those that begin with a letter."""

    def as_json(self) -> dict[str, float]:
        """The figures."""
        return asdict(self)


def of(replies: Sequence[Reply]) -> Style:
    """The style of replies, each a tuple of message texts: real ones or generated ones."""
    texts = [text for reply in replies for text in reply]
    first = [text[0] for text in texts if text and text[0].isalpha()]
    return Style(
        n=len(replies),
        messages=len(texts),
        words_per_message=sum(len(text.split()) for text in texts) / max(1, len(texts)),
        messages_per_turn=len(texts) / max(1, len(replies)),
        ends_with_stop=sum(text.rstrip().endswith((".", "!", "?")) for text in texts) / max(1, len(texts)),
        starts_lower=sum(letter.islower() for letter in first) / max(1, len(first)),
    )


def ending(text: str) -> str:
    """How a message ends: `.`, `!`, `?`, `…`, a smiley, another sign, or nothing."""
    end = text.rstrip()
    if not end:
        return "none"
    if end.endswith(("...", "…")):
        return "…"
    if end[-1] in ".!?":
        return end[-1]
    if emoji(end[-1]) or _SMILEY.search(end[-3:]):
        return "smiley"
    return "none" if end[-1].isalnum() else "other"


def casing(text: str) -> str:
    """How a message's letters are cased: `lower`, `Upper` first, `ALL`, or `none` without letters."""
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "none"
    if len(letters) > 1 and all(char.isupper() for char in letters):
        return "ALL"
    return "Upper" if letters[0].isupper() else "lower"


def emoji(text: str) -> int:
    """How many emoji stand in it."""
    return sum(unicodedata.category(char) == "So" or "\U0001f300" <= char <= "\U0001faff" for char in text)


def has_emoji(text: str) -> str:
    """`emoji`, a typed `smiley`, or `none`."""
    return "emoji" if emoji(text) else "smiley" if _SMILEY.search(text) else "none"


def asks(text: str) -> str:
    """`?` for a message with a question mark, else `none`."""
    return "?" if "?" in text else "none"


def script(text: str) -> str:
    """The script of most of its letters, such as `LATIN`; `none` without letters. It stands in for the language, which
    nothing recognises in ten characters."""
    found: dict[str, int] = {}
    for char in text:
        if char.isalpha():
            name = unicodedata.name(char, "OTHER").split()[0]
            found[name] = found.get(name, 0) + 1
    return max(found, key=lambda name: (found[name], name)) if found else "none"


def features(reply: Reply) -> list[float]:
    """What style alone shows of one reply or a bundle of them, as numbers per message."""
    n = max(1, len(reply))
    whole = " ".join(reply)
    letters = max(1, sum(char.isalpha() for char in whole))
    words = whole.lower().split()
    ends = [ending(text) for text in reply]
    cases = [casing(text) for text in reply]
    return [
        float(np.log1p(len(whole) / n)),
        float(np.log1p(len(words) / n)),
        float(np.log1p(len(reply))),
        *(ends.count(kind) / n for kind in (".", "!", "?", "…", "smiley", "other")),
        *(cases.count(kind) / n for kind in ("lower", "Upper", "ALL")),
        sum(emoji(text) for text in reply) / n,
        len(_SMILEY.findall(whole)) / n,
        sum("?" in text for text in reply) / n,
        len(_LAUGHTER.findall(whole)) / n,
        len(_LONGER.findall(whole)) / n,
        sum(char.isupper() for char in whole) / letters,
        whole.count(",") / n,
        whole.count("'") / n,
        sum(char.isdigit() for char in whole) / max(1, len(whole)),
        sum(not char.isascii() for char in whole) / max(1, len(whole)),
        *(words.count(word) / max(1, len(words)) for word in _WORDS),
    ]


def matrix(replies: Sequence[Reply]) -> Any:
    """`features` of each reply, [replies, features]."""
    return np.array([features(reply) for reply in replies])


def lengths(replies: Sequence[Reply]) -> Any:
    """Nothing but how long: log characters and log messages, [replies, 2]."""
    return np.array([[np.log1p(sum(map(len, reply))), np.log1p(len(reply))] for reply in replies])
