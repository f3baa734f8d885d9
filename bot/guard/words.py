"""Word lists: which topic a text touches, whatever its capitals, accents and spacing.

One file a topic and language, `money.ru.txt`. A line is a phrase of whole words; `*` ends a word in any way, or stands
for any one word when alone; `<time>` is a time of day; `#` begins a comment; `! phrase` is harmless and is taken
out of the text before the others are looked for ("dying of laughter" is no death). All languages count at once, since
people mix them.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

_TIME = r"(?:\d{1,2}[:.]\d\d(?: ?[ap]\.?m\b)?|\d{1,2} ?[ap]\.?m\b|\d{1,2} ?o'?clock|\d{1,2} час\w*)"
_BETWEEN = r"[\W_]{1,4}"
_SPELLED = re.compile(r"(?<!\w)(?:[^\W\d_][ .\-_*]){3,}[^\W\d_](?!\w)")
_QUOTES = str.maketrans("’‘`´ё", "''''е")


def normal(text: str) -> str:
    """NFKC, lower case, ё as е, no invisible characters, and s p e l l e d words joined."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_QUOTES)
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return _SPELLED.sub(lambda match: re.sub(r"[\W_]", "", match[0]), text)


def words(text: str) -> list[str]:
    """The words of a text, normalised."""
    return re.findall(r"\w+(?:'\w+)*", normal(text))


@dataclass(frozen=True, slots=True)
class WordList:
    """The phrases of one topic, all languages together."""

    phrases: re.Pattern[str]
    harmless: re.Pattern[str] | None

    def hits(self, text: str) -> list[str]:
        """The phrases found in a text, normalised, left to right."""
        text = normal(text)
        if self.harmless:
            text = self.harmless.sub(" | ", text)
        return [match[0] for match in self.phrases.finditer(text)]


def read(topic: str) -> WordList:
    """The list of one topic, from the files beside this module."""
    parts = sorted(files(__package__).iterdir(), key=lambda file: file.name)
    lines: list[str] = []
    for part in parts:
        if part.name.startswith(f"{topic}.") and part.name.endswith(".txt"):
            lines += part.read_text(encoding="utf-8").splitlines()
    return of(lines)


def of(lines: Iterable[str]) -> WordList:
    """A list from its lines. Raises ValueError when it holds no phrase, since such a list would let everything by."""
    phrases: list[str] = []
    harmless: list[str] = []
    for line in lines:
        phrase = normal(line.split("#")[0]).strip()
        if phrase.startswith("!"):
            harmless.append(phrase[1:].strip())
        elif phrase:
            phrases.append(phrase)
    if not phrases:
        raise ValueError("a word list without a phrase")
    return WordList(_pattern(phrases), _pattern(harmless) if harmless else None)


def _pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all phrases, the longest first, so that a hit is the fullest phrase."""
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_phrase, longest_first))})(?!\w)")


def _phrase(phrase: str) -> str:
    return _BETWEEN.join(map(_word, phrase.split()))


def _word(word: str) -> str:
    if word == "<time>":
        return _TIME
    if word == "*":
        return r"\w+(?:'\w+)?"
    return re.escape(word).replace(r"\*", r"\w*")
