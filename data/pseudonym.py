"""Names for the people of a group that are not their own: the same person is always called the same in one chat. Pure.

Drawn from a keyed hash like the surrogates of `redact`, so a name of one chat says nothing about another one, and the
live client needs no table to call people what training called them.
"""

import hmac
from functools import lru_cache

_SOUNDS = ("bdfgklmnprstvz", "aeiou")
_LETTERS = 5
"""Consonant, vowel, consonant, vowel, consonant: 68,600 names, so that two people of one group seldom share one."""


@lru_cache(maxsize=10_000)
def of(key: bytes, dialog_id: int, person_id: int | None) -> str:
    """What this person is called in this chat, such as `Kimat`."""
    number = int.from_bytes(hmac.digest(key, f"name\0{dialog_id}\0{person_id}".encode(), "sha256")[:8], "big")
    letters = []
    for place in range(_LETTERS):
        number, sound = divmod(number, len(_SOUNDS[place % 2]))
        letters.append(_SOUNDS[place % 2][sound])
    return "".join(letters).capitalize()
