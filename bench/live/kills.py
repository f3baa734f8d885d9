"""Check 2: kill -9 of a process with a live client, at named points and at random moments. Whoever is started next
finds what was left, and is who is killed next.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.live.child import PATIENCE, Child, child
from bench.live.house import UNCAPPED, House, house
from bench.live.mould import Mould
from bench.live.share import quantile
from bench.live.street import FIRST
from bench.live.truth import UNDER_WAY, Truth
from bench.live.victim import REACHED, made_for
from bot.suggestion import Suggestions

AT_WORK = {
    "a message is being noted": "statement:2:INSERT OR IGNORE INTO inbox",
    "a message is noted": "event:2:incoming",
    "a message is about to be kept": "statement:1:INSERT INTO messages",
    "a suggestion is about to be noted": "statement:1:INSERT INTO suggestions",
    "a suggestion is not yet committed": "commit:1:INSERT INTO suggestions",
    "a suggestion is committed": "committed:1:INSERT INTO suggestions",
    "a reply is approved": "event:1:approved",
    "its bubbles are half noted": "statement:2:INSERT INTO outbox",
    "its bubbles are committed": "committed:1:INSERT INTO outbox",
    "a bubble is about to be marked": "statement:1:UPDATE outbox SET attempted_at",
    "a bubble is marked, nothing is on the wire": "committed:1:UPDATE outbox SET attempted_at",
    "a delivery is not yet committed": "commit:1:UPDATE outbox SET state = 'sent'",
    "a delivery is noted": "event:1:sent",
    "a bubble was delivered and is not noted": "statement:1:UPDATE outbox SET state = 'sent'",
    "a second bubble is about to be marked": "statement:2:UPDATE outbox SET attempted_at",
}
"""Reached by whoever has settled what was left, and is written to."""
RECOVERING = {
    "a bubble was delivered and is not noted": {
        "a delivery that was found in the chat is not noted": "statement:1:UPDATE outbox SET state = 'sent'"
    },
    "a second bubble is about to be marked": {"what was interrupted is being cancelled": "event:1:cancelled"},
}
"""By the kill before: points that are reached by whoever finds what that one left."""
POINTS = (*AT_WORK, *(name for points in RECOVERING.values() for name in points))
REPLY = 1.2
"""Seconds from a message to the last bubble of its reply."""


@dataclass
class Killing:
    """One house, whose clients are killed one after another."""

    house: House
    chance: random.Random
    missed: list[str] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.truth = Truth(self.house)

    async def at_work(self, name: str) -> None:
        """Let one settle what is left, write to it, and have it die at a point."""
        async with self._started(AT_WORK[name]) as victim:
            await asyncio.gather(self._settled(), victim.heard("watching", times=3))
            victim.process.send_signal(signal.SIGUSR1)
            await victim.heard("armed")
            await self._write()
            await self._dead(victim, name)

    async def recovering(self, name: str, point: str) -> None:
        """Have one die at a point that it comes to by itself."""
        async with self._started(f"{point}:at once") as victim:
            await self._dead(victim, name)

    async def at_random(self) -> None:
        """Write to one, and kill it at any moment of its reply; every other time it has yet to settle what is left."""
        async with self._started("never:1:") as victim:
            await (self._settled() if self.kills % 2 else victim.heard("started"))
            await self._write()
            await asyncio.sleep(self.chance.uniform(0, REPLY))

    async def never(self) -> None:
        """The last one lives until everything is settled."""
        async with self._started("never:1:"):
            await self._settled()
        self.kills -= 1

    @asynccontextmanager
    async def _started(self, point: str) -> AsyncIterator[Child]:
        self.kills += 1
        self._last = self.house.count("SELECT coalesce(max(id), 0) FROM suggestions")
        self._left, self._began = self._interrupted(), asyncio.get_running_loop().time()
        async with child(self.house, "bench.live.victim", point, str(self.kills)) as victim:
            yield victim

    def _interrupted(self) -> int:
        """How many of the suggestions that this one found are still under way."""
        return sum(each.id <= self._last for each in Suggestions(self.house.rows).in_state(*UNDER_WAY))

    async def _settled(self) -> None:
        if self._left and await _until(lambda: self._interrupted() == 0):
            self.recovered.append(asyncio.get_running_loop().time() - self._began)
        await _until(self.truth.settled)

    async def _write(self) -> None:
        for chat in range(FIRST, FIRST + 3):
            await self.truth.said(chat)

    async def _dead(self, victim: Child, name: str) -> None:
        if not await _reached(victim):
            self.missed.append(name)


async def check(mould: Mould, folder: Path, chance_kills: int, names: Collection[str] = POINTS) -> dict[str, Any]:
    """One kill at each of these points and so many at random moments; then what came of it all."""
    quick = {"debounce_seconds": 0.1, "bubble_seconds": 0.2}
    async with house(mould, folder / "kills", start=datetime.now(UTC), **{**UNCAPPED, **quick}) as here:
        killing = Killing(here, random.Random(chance_kills))
        for name in filter(names.__contains__, AT_WORK):
            await killing.at_work(name)
            for next_name, point in RECOVERING.get(name, {}).items():
                if next_name in names:
                    await killing.recovering(next_name, point)
        for _ in range(chance_kills):
            await killing.at_random()
        await killing.never()
        here.recording.said = {each.text: made_for(each.text, here.chats) for each in here.delivered()}
        truth = killing.truth
        truth.finish(truth.settled())
        return {
            "kills": killing.kills,
            "kill_points": len(names) - len(killing.missed),
            "kill_points_missed": killing.missed,
            "kill_replies": len(here.delivered()),
            **{f"kill_{kind}": truth.broken[kind] for kind in ("duplicates", "misrouted", "out_of_order", "unsettled")},
            "recoveries": len(killing.recovered),
            "recovery_p95_s": round(quantile(killing.recovered, 0.95), 2) if killing.recovered else None,
            "damage": here.rows.damage(),
        }


async def _reached(victim: Child) -> bool:
    """Whether it says that it is at its point, and dies."""
    try:
        async with asyncio.timeout(PATIENCE / 2):
            told, _ = await victim.process.communicate()
    except TimeoutError:
        return False
    return REACHED in told and victim.process.returncode == -signal.SIGKILL


async def _until(holds: Callable[[], bool]) -> bool:
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    while not holds():
        if clock() > end:
            return False
        await asyncio.sleep(0.01)
    return True
