"""What changed in the home folder, whoever changed it: the page's one look at the files, shared by all open streams.

SQLite tells in microseconds whether another connection has committed; only then is looked closer. What is kept of the
past is one fingerprint for each topic, so a hundred streams cost no more than one.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

from bot import evaluating
from bot.control import Control
from bot.curve import Curve
from bot.desk import Desk
from bot.suggestion import OPEN
from bot.web.job import Job
from bot.web.workshop import Workshop

LOOK = 0.05
"""Seconds between two looks while anybody watches."""
SLOWLY = 10
"""Each so many looks what no database tells of is looked at: locks, files, a pause that ends by itself."""
TOPICS = ("waiting", "chats", "state", "training", "report", "log")


@dataclass(slots=True)
class Watch:
    """The look, and who waits for it. It runs while there is a stream; `desk` is for it alone: a connection is not told
    of its own commits. `shop`: a training that ends writes its last line before its process is gone. `measuring`: what
    makes a report, begun on the page."""

    desk: Desk
    shop: Workshop
    measuring: Job
    streams: int = 0
    closed: bool = False
    _seen: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None

    async def changes(self, rest: float) -> AsyncGenerator[list[str]]:
        """The topics that changed, as soon as they do, for one stream; none of them after each `rest` seconds in which
        nothing did. All of them at first: whatever happened before it was looked is asked for then. Several changes
        between two turns of a slow reader are one."""
        self.streams += 1
        if self._task is None:
            self._seen = self._look()
            self._task = asyncio.create_task(self._watch())
        try:
            known = dict(self._counts)
            yield list(TOPICS)
            while not self.closed:
                yield await self._next(known, rest)
        finally:
            self.streams -= 1
            if self.streams == 0 and self._task:
                self._task.cancel()
                self._task = None

    async def _next(self, known: dict[str, int], rest: float) -> list[str]:
        try:
            async with asyncio.timeout(rest), self._changed:
                await self._changed.wait_for(lambda: self.closed or known != self._counts)
        except TimeoutError:
            return []
        topics = [topic for topic in TOPICS if known[topic] != self._counts[topic]]
        known.update(self._counts)
        return topics

    async def close(self) -> None:
        """End all streams."""
        self.closed = True
        async with self._changed:
            self._changed.notify_all()

    async def _watch(self) -> None:
        versions, looks = self._versions(), 0
        while True:
            await asyncio.sleep(LOOK)
            looks += 1
            if (now := self._versions()) != versions or looks % SLOWLY == 0:
                versions = now
                await self._tell(self._look())

    async def _tell(self, seen: dict[str, str]) -> None:
        changed = [topic for topic in TOPICS if seen[topic] != self._seen[topic]]
        self._seen = seen
        if changed:
            async with self._changed:
                for topic in changed:
                    self._counts[topic] += 1
                self._changed.notify_all()

    def _versions(self) -> tuple[int, ...]:
        stores = (self.desk.live, self.desk.archive)
        return tuple(store.db.execute("PRAGMA data_version").fetchone()[0] for store in stores)

    def _look(self) -> dict[str, str]:
        """A fingerprint of each topic."""
        live, archive = self.desk.live.db, self.desk.archive.db
        opened = ", ".join(f"'{state}'" for state in OPEN)
        return {
            "waiting": _print(live.execute(f"SELECT id, revision FROM suggestions WHERE state IN ({opened})"))
            + _print(live.execute("SELECT id, revision FROM suggestions ORDER BY changed_at DESC, id LIMIT 60")),
            "chats": _print(live.execute("SELECT * FROM policy"))
            + _print(live.execute("SELECT * FROM limits"))
            + _print(archive.execute("SELECT id, revoked_at FROM consents"))
            + _print(archive.execute("SELECT id, title, last_at FROM dialogs")),
            "state": f"{Control(self.desk.live).paused(self.desk.now)} {self.desk.home.holder()}",
            "training": f"{Curve.of(self.desk.home).fingerprint()} {self.shop.fingerprint()}",
            "report": f"{evaluating.newest(self.desk.home)} {self.desk.home.measurer()} {self.measuring.fingerprint()}",
            "log": _print(live.execute("SELECT id, state FROM outbox ORDER BY id DESC LIMIT 100")),
        }


def _print(rows: Iterable[sqlite3.Row]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()
