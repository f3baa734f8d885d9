"""Check 8: from the end of the debounce to the first bubble at the server, in real time, without a model."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.live.house import UNCAPPED, house
from bench.live.mould import Mould
from bench.live.recording import words
from bench.live.share import quantile
from bench.live.street import FIRST, OWNER

DEBOUNCE = 0.3


async def check(mould: Mould, folder: Path, turns: int) -> dict[str, Any]:
    """So many turns, one after the other."""
    late: list[float] = []
    clock = asyncio.get_running_loop().time
    async with house(
        mould, folder / "overhead", start=datetime.now(UTC), debounce_seconds=DEBOUNCE, **UNCAPPED
    ) as here:
        here.recording.bubbles = 1
        heard: list[float] = []
        here.hear = lambda event, **_: heard.append(clock()) if event == "incoming" else None
        async with here.at_work():
            for number in range(turns):
                await here.sandbox.say(FIRST + number % mould.contacts, OWNER, words(700_000 + number))
                if await here.until(lambda: len(here.delivered()) > len(late), 20):
                    late.append(1000 * (here.arrivals()[-1][1] - heard[-1] - DEBOUNCE))
                await asyncio.sleep(0.013 * (number % 8))
    return {
        "overhead_turns": len(late),
        "overhead_p50_ms": round(quantile(late, 0.5), 1),
        "overhead_p95_ms": round(quantile(late, 0.95), 1),
        "overhead_max_ms": round(max(late), 1),
    }
