"""Which is me? One round: the end of a held-out conversation with two ways in which it goes on, the owner's real one
and the twin's, in a random order. The score is kept in `live.db`, in counts; the words stay in memory.
"""

import asyncio
import math
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.livedb import LiveDb
from data.samples import Sample
from data.transcript import Turn

SHOWN = 4
"""Turns of the conversation above the two replies."""
LIKELY = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""
OPEN = 20
"""Rounds that may wait for an answer at a time."""


@dataclass(frozen=True, slots=True)
class Round:
    """One question. `real` is the place, 0 or 1, of what the owner wrote."""

    number: str
    dialog_id: int
    before: tuple[Turn, ...]
    replies: tuple[tuple[str, ...], tuple[str, ...]]
    real: int
    adapter: str


@dataclass(frozen=True, slots=True)
class Score:
    """How often somebody found the real one."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """Of all guesses."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, with 95 % confidence, by Wilson (1927): it holds for few guesses too."""
        if not self.n:
            return 0.0, 1.0
        z2 = LIKELY**2 / self.n
        middle = (self.share + z2 / 2) / (1 + z2)
        half = LIKELY * math.sqrt(self.share * (1 - self.share) / self.n + z2 / (4 * self.n)) / (1 + z2)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class Table:
    """The rounds that are being played, and the one that is prepared meanwhile."""

    asked: dict[str, Round] = field(default_factory=dict)
    next: "asyncio.Task[Round] | None" = None
    chance: random.Random = field(default_factory=random.SystemRandom)

    def deal(self, dealt: Round) -> None:
        """Put a round on the table; the oldest unanswered one goes when there are too many."""
        self.asked[dealt.number] = dealt
        while len(self.asked) > OPEN:
            del self.asked[next(iter(self.asked))]


def pick(samples: Sequence[Sample], chance: random.Random) -> tuple[Sample, tuple[Turn, ...], Turn]:
    """A held-out exchange: its sample, what came before, and the owner's real reply. Raises IndexError for none."""
    answered = [(sample, *exchange) for sample in samples if (exchange := sample.last_exchange())]
    sample, before, real = chance.choice(answered)
    return sample, before.turns, real


def round_of(sample: Sample, real: Turn, twin: tuple[str, ...], adapter: str, chance: random.Random) -> Round:
    """The two replies in an order that nothing tells."""
    place = chance.randrange(2)
    replies = (real.texts, twin) if place == 0 else (twin, real.texts)
    exchange = sample.last_exchange()
    before = exchange[0].turns[-SHOWN:] if exchange else ()
    return Round(secrets.token_urlsafe(12), sample.dialog_id, before, replies, place, adapter)


def keep(live: LiveDb, played: Round, player: str, right: bool, now: datetime) -> None:
    """Note a guess."""
    live.db.execute(
        "INSERT INTO guesses (dialog_id, player, correct, adapter, made_at) VALUES (?, ?, ?, ?, ?)",
        (played.dialog_id, player, int(right), played.adapter, now.timestamp()),
    )


def score(live: LiveDb, player: str, adapter: str) -> Score:
    """All guesses of a player about one adapter."""
    right, n = live.db.execute(
        "SELECT coalesce(sum(correct), 0), count(*) FROM guesses WHERE player = ? AND adapter = ?", (player, adapter)
    ).fetchone()
    return Score(right, n)


def clear(live: LiveDb, player: str) -> None:
    """Begin to count anew."""
    live.db.execute("DELETE FROM guesses WHERE player = ?", (player,))
