"""Check 7: a virtual day of many messages and restarts, and what it leaves in memory: in that of the whole process,
less what the server keeps of the day, for it lives in the same loop and forgets nothing.
"""

import asyncio
import gc
import resource
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from bench.live.house import UNCAPPED, house
from bench.live.mould import Mould
from bench.live.recording import words
from bench.live.street import FIRST, OWNER
from bench.live.truth import UNDER_WAY
from bot.suggestion import Suggestions

DAY = 86_400.0
WARM = 0.1
"""Memory is counted from here on: by then every module is loaded, and every cache has been used."""


async def check(mould: Mould, folder: Path, messages: int, restarts: int) -> dict[str, Any]:
    """A day with so many messages, evenly spread, and so many restarts."""
    pause, each, before, kept = DAY / messages, messages // (restarts + 1), 0, 0
    async with house(mould, folder / "day", look=pause / 2, debounce_seconds=pause / 4, **UNCAPPED) as here:
        for first in range(0, messages, each):
            async with here.at_work():
                for number in range(first, min(messages, first + each)):
                    await here.sandbox.say(FIRST + number % mould.contacts, OWNER, words(600_000 + number))
                    await asyncio.sleep(pause)
                    here.sandbox.journal.requests.clear()
                    here.sandbox.journal.events.clear()
                    if not before and number >= messages * WARM:
                        before, kept = _memory(), _held(here.sandbox.town, here.sandbox.journal)
        async with here.at_work():
            settled = await here.until(lambda: not Suggestions(here.rows).in_state(*UNDER_WAY), 600)
        grown, grown_server = _memory() - before, _held(here.sandbox.town, here.sandbox.journal) - kept
        lost = here.count("SELECT count(*) FROM inbox WHERE outcome IS NULL") + messages
        lost -= here.count("SELECT count(*) FROM inbox")
        return {
            "day_messages": messages,
            "day_restarts": restarts,
            "day_replies": len(here.delivered()),
            "memory_growth_bytes": grown - grown_server,
            "day_server_growth_bytes": grown_server,
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


def _held(*roots: object) -> int:
    """Bytes of these and of all that hangs on them, once each: neither code nor the loop, on which everything hangs."""
    seen, size, rest = set[int](), 0, list(roots)
    while rest:
        each = rest.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | asyncio.AbstractEventLoop):
            continue
        seen.add(id(each))
        size += sys.getsizeof(each)
        rest.extend(gc.get_referents(each) if not isinstance(each, FunctionType) else each.__closure__ or ())
    return size
