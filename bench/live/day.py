"""Check 7: a virtual day of many messages and restarts. What it leaves in memory is measured over the whole process,
the server's own memory of the day included.
"""

import asyncio
import gc
import resource
from pathlib import Path
from typing import Any

from bench.live.house import UNCAPPED, Mould, house
from bench.live.recording import words
from bench.live.street import FIRST, OWNER
from bench.live.truth import UNDER_WAY
from bot.suggestion import Suggestions

DAY = 86_400.0
WARM = 0.1
"""Memory is counted from here on: by then every module is loaded, and every cache has been used."""


async def check(mould: Mould, folder: Path, messages: int, restarts: int) -> dict[str, Any]:
    """A day with so many messages, evenly spread, and so many restarts."""
    pause, each, before = DAY / messages, messages // (restarts + 1), 0
    async with house(mould, folder / "day", look=pause / 2, debounce_seconds=pause / 4, **UNCAPPED) as here:
        for first in range(0, messages, each):
            async with here.at_work():
                for number in range(first, min(messages, first + each)):
                    await here.sandbox.say(FIRST + number % mould.contacts, OWNER, words(600_000 + number))
                    await asyncio.sleep(pause)
                    here.sandbox.journal.requests.clear()
                    if not before and number >= messages * WARM:
                        before = _memory()
        async with here.at_work():
            settled = await here.until(lambda: not Suggestions(here.rows).in_state(*UNDER_WAY), 600)
        growth = _memory() - before
        lost = here.count("SELECT count(*) FROM inbox WHERE outcome IS NULL") + messages
        lost -= here.count("SELECT count(*) FROM inbox")
        return {
            "day_messages": messages,
            "day_restarts": restarts,
            "day_replies": len(here.delivered()),
            "memory_growth_bytes": growth,
            "memory_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "day_unsettled": lost + (not settled),
            "day_duplicates": here.doubled(),
            "day_misrouted": here.misrouted(),
        }


def _memory() -> int:
    """What this process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
