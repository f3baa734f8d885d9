"""Invented messages of one account: private chats and groups, bursts, silences, media, a secret here and there.

No corpus: words are drawn from invented syllables with Zipf's frequencies, as in real text, so that a tokenizer and a
cache meet what they would meet there. The same seed gives the same account.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.tables import COLUMNS, row_of
from data.transcript import Scope

START = datetime(2023, 1, 2, 8, 0, tzinfo=UTC)
CHATS, GROUP_SHARE = 240, 0.15
STOCK = (
    "ok",
    "yes",
    "haha",
    "no",
    "lol",
    "thanks",
    "sure",
    "good night",
    "where are you?",
    "on my way",
    "same",
    "why?",
)
MEDIA = ("[photo]", "[voice 0:12]", "[sticker 😂]", "[video]")
SECRETS = ("call +1 415 555 {:04}", "mail me: ann{:04}@example.org", "the code is {:04}", "card 4111 1111 1111 1111")
WORDS, ZIPF = 20_000, 1.05


def account(path: Path, messages: int, seed: int = 1, chats: int = CHATS) -> None:
    """Write the archive of an account with about this many messages, consent for all of them."""
    chance = random.Random(seed)
    words = _words(chance)
    archive = Archive(path)
    shares = [chance.paretovariate(1.1) for _ in range(chats)]
    for number, share in enumerate(shares, 1):
        group = chance.random() < GROUP_SHARE
        dialog_id = -1000 - number if group else number
        count = round(messages * share / sum(shares))
        archive.save_dialogs([Dialog(dialog_id, Kind.GROUP if group else Kind.PRIVATE, f"chat {number}")])
        with archive.transaction():
            _insert(archive, _chat(dialog_id, count, words, chance))
        Ledger(archive).grant(dialog_id, Scope.CHAT, "bench", "bench", START)
    archive.close()


def _chat(dialog_id: int, count: int, words: "_Words", chance: random.Random) -> Iterator[Message]:
    """Bursts of either side with log-normal gaps; in groups one of eight writes, and the owner is one of them."""
    at = START + timedelta(hours=chance.uniform(0, 500))
    people = 8 if dialog_id < 0 else 2
    per_talk = chance.uniform(15, 60)
    span = timedelta(days=1000) / max(1.0, count / per_talk)
    speaker, made = 1, 0
    while made < count:
        for _ in range(min(count - made, 1 + int(chance.expovariate(0.9)))):
            made += 1
            text = words.line(chance)
            media = chance.choice(MEDIA) if chance.random() < 0.04 else None
            yield Message(
                dialog_id,
                made,
                speaker == 0,
                at,
                "" if media and chance.random() < 0.8 else text,
                media=media,
                forwarded=chance.random() < 0.01,
                sender_id=speaker if dialog_id < 0 else None,
                reply_to=max(1, made - chance.randint(1, 9)) if dialog_id < 0 and chance.random() < 0.2 else None,
            )
            at += timedelta(seconds=1 + chance.lognormvariate(1.8, 0.9))
        if chance.random() < 2.0 / per_talk:
            at += chance.uniform(0.4, 1.6) * span + timedelta(hours=1)
            speaker = chance.randrange(people)
        else:
            at += timedelta(seconds=chance.lognormvariate(3.6, 1.1))
            speaker = (speaker + chance.randint(1, people - 1)) % people


class _Words:
    """Lines of invented words."""

    def __init__(self, words: list[str], weights: list[float]) -> None:
        self._words, self._weights = words, list(accumulate(weights))

    def line(self, chance: random.Random) -> str:
        if chance.random() < 0.25:
            return chance.choice(STOCK)
        if chance.random() < 0.003:
            return chance.choice(SECRETS).format(chance.randrange(10_000))
        length = min(60, 1 + int(chance.lognormvariate(1.7, 0.7)))
        return " ".join(chance.choices(self._words, cum_weights=self._weights, k=length))


def _words(chance: random.Random) -> _Words:
    syllables = [
        first + second for first in "bcdfghklmnprstvw" for second in ("a", "e", "i", "o", "u", "ar", "en", "ing")
    ]
    words = {"".join(chance.choices(syllables, k=1 + min(3, rank // 400))) for rank in range(WORDS)}
    ordered = sorted(words, key=lambda word: (len(word), word))
    return _Words(ordered, [1 / (rank + 2) ** ZIPF for rank in range(len(ordered))])


def _insert(archive: Archive, messages: Iterator[Message]) -> None:
    places = ", ".join("?" * len(COLUMNS.split(",")))
    archive.db.executemany(f"INSERT INTO messages ({COLUMNS}) VALUES ({places})", map(row_of, messages))
