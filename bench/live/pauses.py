"""Check 3: from the commit of a pause to the last message that arrives, in real time, whatever the twin is at just
then: sending, writing a reply, typing, waiting for a FLOOD_WAIT to end, or cut off from the network.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.live.house import UNCAPPED, House, house
from bench.live.mould import Mould
from bench.live.share import quantile
from bench.live.street import FIRST, OWNER
from bench.live.truth import UNDER_WAY
from bench.live.wire import Wire
from bot.control import Control
from bot.livedb import LiveDb
from bot.suggestion import Suggestions

BUSY_WITH = {"sending": (0.0, 0.4), "writing": (0.0, 0.2), "typing": (0.0, 0.8), "flood": (0.7, 1.2), "cut": (0.0, 0.2)}
"""Each with the seconds after which it is paused: around the moment in which something would leave."""
LATENCY = 0.04
"""Seconds until the server carries something out, so that something is always on its way."""
WATCHED = 1.3
"""Seconds for which it is watched whether anything still arrives; a cut network is mended in the middle of them."""


async def check(mould: Mould, folder: Path, pauses: int) -> dict[str, Any]:
    """So many pauses, shared among the five; in milliseconds."""
    each = -(-pauses // len(BUSY_WITH))
    found = await asyncio.gather(*(_paused(mould, folder / busy, busy, each) for busy in BUSY_WITH))
    late = [1000 * seconds for rows, _ in found for seconds in rows]
    return {
        "pauses": len(late),
        "pauses_in_vain": sum(in_vain for _, in_vain in found),
        "pause_p99_ms": round(quantile(late, 0.99), 1),
        "pause_max_ms": round(max(late), 1),
        "pause_max_ms_by": {busy: round(1000 * max(rows), 1) for busy, (rows, _) in zip(BUSY_WITH, found, strict=True)},
    }


async def _paused(mould: Mould, path: Path, busy: str, times: int) -> tuple[list[float], int]:
    """Seconds from the commit to the last arrival, 0 for none after it; and how often it was not busy in time."""
    chance, late, in_vain = random.Random(busy), [], 0
    typing = 0.6 if busy == "typing" else 0.0
    async with (
        house(mould, path, start=datetime.now(UTC), bubble_seconds=typing, debounce_seconds=0.05, **UNCAPPED) as here,
        Wire(here.sandbox.address) as wire,
    ):
        here.wire = wire.address
        here.sandbox.faults.latency = LATENCY
        here.recording.bubbles = 9
        here.recording.gate = threading.Event() if busy == "writing" else None
        if busy == "cut":
            here.hear = _when("approved", wire.cut)
        async with here.at_work():
            for _ in range(times):
                in_vain += not await _busy(here, busy)
                await asyncio.sleep(chance.uniform(*BUSY_WITH[busy]))
                committed = await asyncio.to_thread(_pause, here)
                await asyncio.sleep(WATCHED / 2)
                wire.mend()
                await asyncio.sleep(WATCHED / 2)
                late.append(max(0.0, _last_arrival(here) - committed))
                await _rest(here)
    return late, in_vain


async def _busy(here: House, busy: str) -> bool:
    """Make it busy; False when it did not become so."""
    if busy == "flood":
        here.sandbox.faults.flood("SendMessage", 1)
    before = {**here.counts}, here.recording.asked
    for chat in range(FIRST, FIRST + 3):
        await here.sandbox.say(chat, OWNER, f"hello {here.recording.asked} from {chat}")
    event = {"sending": "sent", "typing": "approved", "flood": "flood_wait"}.get(busy)
    if event:
        return await here.until(lambda: here.counts[event] > before[0].get(event, 0), 20)
    if busy == "cut":
        return await here.until(lambda: _rows(here, "sending") > 0, 20)
    return await here.until(lambda: here.recording.asked > before[1], 20)


def _pause(here: House) -> float:
    """Pause, from a thread with a connection of its own; the moment of the commit."""
    with closing(LiveDb(here.home.live)) as live:
        Control(live).pause()
        return time.monotonic()


async def _rest(here: House) -> None:
    """Go on, and let everything that is under way come to its end; nobody would mend what is cut now."""
    here.sandbox.faults.clear()
    here.sandbox.faults.latency = LATENCY
    gate, here.recording.gate = here.recording.gate, None
    hear, here.hear = here.hear, None
    Control(here.rows).resume(here.clock.now())
    await here.until(lambda: not Suggestions(here.rows).in_state(*UNDER_WAY) and not _open(here), 30)
    here.recording.gate, here.hear = gate, hear


def _open(here: House) -> int:
    return int(here.rows.db.execute("SELECT count(*) FROM inbox WHERE outcome IS NULL").fetchone()[0])


def _rows(here: House, state: str) -> int:
    return int(here.rows.db.execute("SELECT count(*) FROM outbox WHERE state = ?", (state,)).fetchone()[0])


def _last_arrival(here: House) -> float:
    return max((at for _, at in here.arrivals()), default=0.0)


def _when(wanted: str, act: Callable[[], None]) -> Callable[..., None]:
    def hear(event: str, **_: Any) -> None:
        if event == wanted:
            act()

    return hear
