"""What the pull makes of an account: against a plain loop, against buckets it does not know, and when nothing changed.

    python -m bench.pull

Everything is measured in one run against sandboxes on loopback, 80 ms away: 20 dialogs and 30,000 messages, whose
`getHistory` is metered. The plain loop is Telethon's own `async for m in client.iter_messages(dialog)`. Takes about
eight minutes, nearly all of it the plain loop's and the slow bucket's.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.settings import PullSettings
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog
from data.pull import Account, Pace, Pulled
from data.telegram import Login, Server, connect, log_in_by_code
from data.transcript import Scope
from sandbox.crowd import FIRST, crowd_town
from sandbox.server import Sandbox

DIALOGS, MESSAGES = 20, 1_500
LATENCY = 0.08
BURST, WAIT = 20, 3
FAST, SLOW, NO_CEILING = 12.0, 1.0, 50.0


class Silent:
    """Nothing is shown."""

    def page(self, dialog: Dialog, messages: int) -> None:
        """Nothing."""

    def waiting(self, seconds: float, until: datetime) -> None:
        """Nothing."""

    def done(self, dialog: Dialog) -> None:
        """Nothing."""

    def note(self, words: str) -> None:
        """Nothing."""


@dataclass
class Place:
    """A sandbox, a client in it, and an empty archive."""

    sandbox: Sandbox
    client: Any
    archive: Archive
    chats: list[int]

    async def pull(self, ceiling: float) -> tuple[Pulled, float]:
        """One pull of everything, and the seconds it took."""
        began = time.monotonic()
        account = Account(self.client, self.archive, Silent(), Pace(ceiling))
        await account.look()
        await account.bring([dialog for dialog in self.archive.dialogs() if dialog.id in self.chats])
        return account.report, time.monotonic() - began

    def wrong(self) -> tuple[int, int]:
        """How many messages are missing, and how many are there that the server does not show, or twice."""
        lost = doubled = 0
        for chat in self.chats:
            here = [(message.mine, message.text) for message in self.archive.messages(chat)]
            there = [(line.mine, line.text) for line in self.sandbox.texts(chat)]
            lost += len(set(there) - set(here))
            doubled += len(here) - len(set(here) & set(there))
        return lost, doubled


@asynccontextmanager
async def place(dialogs: int, messages: int, rate: float | None) -> AsyncIterator[Place]:
    """A town of this size; `rate` meters its history."""
    town = crowd_town(dialogs=dialogs, messages=messages)
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox(town) as sandbox:
            host, port = sandbox.address.split(":")
            login = Login(
                town.api_id,
                town.api_hash,
                Path(folder, "account.session"),
                Server(host, int(port), sandbox.dc, sandbox.public_key),
            )

            async def code(_question: str, _hidden: bool) -> str:
                return sandbox.code_for(town.owner.phone or "")

            async with connect(login) as client:
                await log_in_by_code(client, f"+{town.owner.phone}", code)
                sandbox.faults.latency = LATENCY
                if rate is not None:
                    sandbox.limits.meter("GetHistory", rate=rate, burst=BURST, wait=WAIT)
                with contextlib.closing(Archive(Path(folder, "archive.db"))) as archive:
                    chats = [FIRST + number for number in range(dialogs)]
                    for chat in chats:
                        Ledger(archive).grant(chat, Scope.CHAT, "bench", "bench", datetime.now(UTC))
                    yield Place(sandbox, client, archive, chats)


async def plain() -> float:
    """Seconds of Telethon's own loop, with the fast bucket, which it never meets."""
    async with place(DIALOGS, MESSAGES, FAST) as here:
        await here.client.get_dialogs()
        began = time.monotonic()
        read = 0
        for chat in here.chats:
            async for _ in here.client.iter_messages(chat):
                read += 1
        if read != DIALOGS * MESSAGES:
            raise SystemExit(f"the plain loop read {read} messages")
        return time.monotonic() - began


async def ours(rate: float, ceiling: float) -> dict[str, float]:
    """A first pull."""
    async with place(DIALOGS, MESSAGES, rate) as here:
        report, seconds = await here.pull(ceiling)
        lost, doubled = here.wrong()
        asked = here.sandbox.journal.calls["GetHistoryRequest"]
        refused = here.sandbox.limits.refused["GetHistoryRequest"]
        return {
            "seconds": seconds,
            "requests": report.requests,
            "flood_waits": report.flood_waits,
            "lost": lost,
            "doubled": doubled,
            "share_of_rate": (asked - refused) / seconds / rate,
        }


async def unchanged() -> tuple[int, int, int]:
    """Requests of a second pull of 200 chats; deep changes found by a third, and its requests."""
    async with place(200, 3, None) as here:
        await here.pull(1e9)
        second, _ = await here.pull(1e9)
        town = here.sandbox.town
        oldest = [town.boxes[town.owner_id].by_peer[FIRST + number][0] for number in range(6)]
        for message_id in oldest[:3]:
            await here.sandbox.edit(message_id, f"mended {message_id}")
        await here.sandbox.unsend(*oldest[3:])
        third, _ = await here.pull(1e9)
        right = here.wrong() == (0, 0)
        return second.requests, (third.edited + third.deleted) * right, third.requests


async def main() -> None:
    """Print everything as one JSON object."""
    ceiling = PullSettings().requests_per_second
    fast = await ours(FAST, NO_CEILING)
    default = await ours(FAST, ceiling)
    unchanged_requests, deep, deep_requests = await unchanged()
    slow, plain_seconds = await asyncio.gather(ours(SLOW, NO_CEILING), plain())
    rows = (fast, slow, default)
    figures: dict[str, object] = {
        "ratio": round(plain_seconds / fast["seconds"], 2),
        "share_of_rate": round(fast["share_of_rate"], 3),
        "ratio_slow": round(plain_seconds / slow["seconds"], 3),
        "ratio_default": round(plain_seconds / default["seconds"], 2),
        "flood_waits": fast["flood_waits"],
        "flood_waits_slow": slow["flood_waits"],
        "lost": sum(row["lost"] for row in rows),
        "doubled": sum(row["doubled"] for row in rows),
        "requests": max(row["requests"] for row in rows),
        "unchanged_requests": unchanged_requests,
        "deep_changes_found": deep,
        "deep_changes_requests": deep_requests,
        "seconds": round(fast["seconds"], 1),
        "seconds_slow": round(slow["seconds"], 1),
        "seconds_default": round(default["seconds"], 1),
        "seconds_plain": round(plain_seconds, 1),
        "ceiling_default": ceiling,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
