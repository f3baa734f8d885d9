"""Check 2: kill -9 of a process with a live client, at named points and at random moments. Whoever is started next
finds what was left, and is who is killed next.
"""

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.live.house import UNCAPPED, House, Mould, house
from bench.live.recording import words
from bench.live.share import quantile
from bench.live.street import FIRST
from bench.live.truth import Truth
from bot import settings

POINTS = {
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
    "a bubble was delivered and is not noted": "statement:1:UPDATE outbox SET state = 'sent'",
    "a delivery is not yet committed": "commit:1:UPDATE outbox SET state = 'sent'",
    "a delivery is noted": "event:1:sent",
    "a second bubble is about to be marked": "statement:2:UPDATE outbox SET attempted_at",
    "what was interrupted is being cancelled": "event:1:cancelled",
}
PATIENCE = 90.0
UNSETTLED = "SELECT count(*) FROM outbox WHERE state IN ('planned', 'sending')"
WAITING = "SELECT count(*) FROM inbox WHERE outcome IS NULL"


async def check(mould: Mould, folder: Path, chance_kills: int, names: Collection[str] = POINTS) -> dict[str, Any]:
    """One kill at each of these points and so many at random moments; then what came of it all."""
    chance, recovered, missed = random.Random(chance_kills), [], []
    quick = {"debounce_seconds": 0.1, "bubble_seconds": 0.2}
    async with house(mould, folder / "kills", start=datetime.now(UTC), **{**UNCAPPED, **quick}) as here:
        here.recording.said = dict.fromkeys(map(words, range(400_000)), 0)
        plan = [
            *((name, POINTS[name]) for name in names),
            *[("at random", "random:1:") for _ in range(chance_kills)],
            ("the end", "never:1:"),
        ]
        truth = Truth(here)
        for number, (name, point) in enumerate(plan):
            left = here.count(UNSETTLED)
            began = asyncio.get_running_loop().time()
            async with _victim(here, point, number) as victim:
                if left and await _until(lambda: here.count(UNSETTLED) == 0):
                    recovered.append(asyncio.get_running_loop().time() - began)
                await _heard(victim, "watching", 3)
                if name == "the end":
                    await _until(truth.settled)
                    break
                for chat in range(FIRST, FIRST + 3):
                    await truth.said(chat)
                if name == "at random":
                    await asyncio.sleep(chance.uniform(0, 1.2))
                elif not await _ended(victim):
                    missed.append(name)
        truth.finish(truth.settled())
        wrong = Counter(truth.broken)
        wrong["misrouted"] = 0  # the texts were made in the other process, which alone knows for whom
        return {
            "kills": len(plan) - 1,
            "kill_points": len(names) - len(missed),
            "kill_points_missed": missed,
            "kill_replies": len(here.delivered()),
            "kill_duplicates": wrong["duplicates"],
            "kill_out_of_order": wrong["out_of_order"],
            "kill_unsettled": wrong["unsettled"],
            "recoveries": len(recovered),
            "recovery_p95_s": round(quantile(recovered, 0.95), 2) if recovered else None,
            "damage": here.rows.damage(),
        }


@asynccontextmanager
async def _victim(here: House, point: str, number: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A client with the house's settings; it is killed at the end of the block, if it did not end before."""
    live = {f"LIVE__{name.upper()}": value for name, value in here.settings.live.model_dump().items() if value != ""}
    environment = settings.environment(
        here.home.path,
        API_ID=here.login.api_id,
        API_HASH=here.login.api_hash,
        TELEGRAM__SERVER=here.sandbox.address,
        TELEGRAM__SERVER_DC=here.sandbox.dc,
        TELEGRAM__SERVER_KEY=here.sandbox.public_key.replace("\n", "\\n"),
        PULL__REQUESTS_PER_SECOND=1000,
        **live,
    )
    command = [sys.executable, "-m", "bench.live.victim", point, str(number)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _heard(process: asyncio.subprocess.Process, event: str, times: int) -> None:
    """Wait until it told of an event so often, or ended."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        async for line in process.stdout:
            times -= f'"event": "{event}"'.encode() in line
            if times == 0:
                return


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """Whether it reached its point."""
    try:
        async with asyncio.timeout(PATIENCE / 9):
            await process.communicate()
    except TimeoutError:
        return False
    return process.returncode == -signal.SIGKILL


async def _until(holds: Any) -> bool:
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    while not holds():
        if clock() > end:
            return False
        await asyncio.sleep(0.01)
    return True
