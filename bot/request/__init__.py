"""A request for consent in the language that the owner writes to that person: `consent ask` puts it in the input box.

It says what happens with the words, where they stay, and that no is an answer. The owner reads it, changes it and sends
it; a record is made only by `consent grant`, after the answer. One file a language, `de.txt`: its first line has the
commonest words of that language in chats, by which it is told from the others.
"""

import re
from collections.abc import Iterable
from importlib.resources import files

LANGUAGES = ("en", "ru", "uk", "de", "es", "fr", "it", "pt")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def text_in(language: str) -> str:
    """The request in one of `LANGUAGES`, as one paragraph."""
    return " ".join(_lines(language)[1:])


def language_of(texts: Iterable[str], otherwise: str = "en") -> str:
    """The language that these messages share most common words with; `otherwise` when there is nothing to go by."""
    said = [word for text in texts for word in _WORD.findall(text.casefold())]
    common = {language: _common(language) for language in LANGUAGES}
    score = {language: sum(word in common[language] for word in said) for language in LANGUAGES}
    best = max(LANGUAGES, key=lambda language: score[language])
    return best if score[best] else otherwise


def _common(language: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_lines(language)[0]))


def _lines(language: str) -> list[str]:
    return (files("bot.request") / f"{language}.txt").read_text(encoding="utf-8").splitlines()
