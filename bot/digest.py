"""The digest: once a day, at a time in the owner's zone, what happened in which chat, as counts, in Saved Messages.

Which day had its digest is a row, written before anything is sent, together with the `random_id`: over restarts, lost
answers and clocks that jump there is at most one for each date.
"""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from bot.control import Control
from bot.decision import Decision, decision
from bot.livedb import LiveDb
from bot.outbox import Outbox
from bot.policy import Policy
from bot.suggestion import State, Suggestions

LOOK = 0.5
"""Seconds between two looks at the clock."""
AGAIN = timedelta(minutes=1)
"""Until one that could not be sent is tried again."""
MOST = 30
"""So many chats are named."""
WORDS = {
    "automatic": "{} answered by itself",
    Decision.ACCEPTED: "{} as you approved",
    Decision.EDITED: "{} in your version",
    Decision.SKIPPED: "{} skipped",
    Decision.OWNER_ANSWERED: "{} you answered yourself",
    "waiting": "{} waiting for you",
}


@dataclass(frozen=True, slots=True)
class Told:
    """How far it is told: the last date that has its digest, since when the next one counts, and the `random_id` of one
    whose arrival is not known yet, else 0."""

    day: str
    since: float
    random_id: int = 0


@dataclass(slots=True)
class Digest:
    """The digest of one twin."""

    at: time
    live: LiveDb
    outbox: Outbox
    policy: Policy
    control: Control
    _not_before: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    async def run(self) -> None:
        """Look at the clock for ever."""
        while True:
            try:
                await self.step()
            except sqlite3.Error as error:  # a full disk, say: nothing was noted, so nothing was sent
                self.outbox.emit("trouble", at="digest", error=type(error).__name__)
            await asyncio.sleep(LOOK)

    async def step(self) -> None:
        """Send what is due. The first one is due when the time comes for the first time."""
        now = self.outbox.clocks.there()
        local, told = now.astimezone(self.policy.zone), self._told()
        today, struck = local.date(), local.time() >= self.at
        if told is None:
            self._note(Told(str(today if struck else today - timedelta(days=1)), now.timestamp()))
        elif told.random_id:
            await self._send(told, now)
        elif date.fromisoformat(told.day) > today + timedelta(days=1):  # our clock was far ahead then
            self._note(Told(str(today), told.since))
        elif date.fromisoformat(told.day) < today and struck:
            planned = Told(str(today), told.since, self.outbox.rng.getrandbits(63) or 1)
            self._note(planned)
            await self._send(planned, now)

    async def _send(self, planned: Told, now: datetime) -> None:
        if now < self._not_before:
            return
        if await self.outbox.to_owner(self.text(planned.since, now), planned.random_id, saved=True) is None:
            self._not_before = now + AGAIN
            return
        self._note(Told(planned.day, now.timestamp()))
        self.outbox.emit("digest")

    def _told(self) -> Told | None:
        row = self.live.db.execute("SELECT value FROM switches WHERE name = 'digest'").fetchone()
        return Told(**json.loads(row[0])) if row else None

    def _note(self, told: Told) -> None:
        self.live.db.execute("REPLACE INTO switches VALUES ('digest', ?)", (json.dumps(asdict(told)),))

    # --- what it says

    def text(self, since: float, now: datetime) -> str:
        """Names of chats and counts, no word of theirs."""
        head = f"Your twin, {now.astimezone(self.policy.zone):%a %d %b}"
        head += ", paused" if self.control.paused(self.outbox.clocks.now()) else ""
        counts = self._counts(since)
        lines = [f"{self.outbox.title(dialog_id)}: {_line(each)}" for dialog_id, each in counts.items()]
        more = [f"and {len(lines) - MOST} more chats"] if len(lines) > MOST else []
        return "\n".join([f"{head}:", *(lines[:MOST] + more or ["nothing happened."])])

    def _counts(self, since: float) -> dict[int, Counter[str]]:
        """By chat, the busiest first. What waits counts whenever it came."""
        counts: dict[int, Counter[str]] = {}
        for dialog_id, n in self.live.db.execute(
            "SELECT dialog_id, count(*) FROM inbox WHERE arrived_at > ? GROUP BY dialog_id", (since,)
        ):
            counts.setdefault(dialog_id, Counter())["messages"] = n
        suggestions = Suggestions(self.live)
        changed = self.live.db.execute("SELECT id FROM suggestions WHERE changed_at > ?", (since,)).fetchall()
        for each in filter(None, (suggestions.get(row[0]) for row in changed)):
            sent = each.surface == "auto" and each.state in (State.SENT, State.UNKNOWN)
            if kind := "automatic" if sent else decision(each):
                counts.setdefault(each.dialog_id, Counter())[kind] += 1
        for each in suggestions.in_state(State.HELD, State.OFFERED):
            counts.setdefault(each.dialog_id, Counter())["waiting"] += 1
        return dict(sorted(counts.items(), key=lambda item: -item[1].total()))


def _line(counts: Mapping[str, int]) -> str:
    n = counts["messages"]
    parts = [word.format(counts[kind]) for kind, word in WORDS.items() if counts[kind]]
    return ", ".join([f"{n} message{'' if n == 1 else 's'}", *parts])
