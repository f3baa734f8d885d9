"""Check 7, second half: a process with the real small model, whose event loop must go on turning while it writes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.live.beating import WRITTEN
from bench.live.child import child
from bench.live.house import UNCAPPED, house
from bench.live.mould import Mould
from bench.live.recording import words
from bench.live.street import FIRST, OWNER
from bot.policy import Mode


async def check(mould: Mould, folder: Path, turns: int) -> dict[str, Any]:
    """So many turns; the latest beat of all, in milliseconds, beside the latest while nothing was written."""
    modes = dict.fromkeys(range(mould.contacts), Mode.ASK)
    rest, work = [0.0], []
    async with (
        house(mould, folder / "steady", modes, start=datetime.now(UTC), **UNCAPPED) as here,
        child(here, "bench.live.beating", MODEL__BASE="smollm2") as beating,
    ):
        await beating.heard("ready")
        for number in range(turns):
            await here.sandbox.say(FIRST + number % mould.contacts, OWNER, words(900_000 + number))
            if line := await beating.heard(*WRITTEN):
                told = json.loads(line)
                rest.append(told["at_rest"])
                work.append(told["at_work"])
    return {
        "generated_turns": len(work),
        "loop_blocked_max_ms": max(work),
        "loop_blocked_at_rest_max_ms": max(rest),
    }
