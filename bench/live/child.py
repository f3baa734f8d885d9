"""Processes of their own over a house: its settings come to them from the environment."""

import signal
import sys
from asyncio import subprocess, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.live.house import House
from bot import settings

PATIENCE = 180.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Child:
    """A process that tells of events as lines of JSON."""

    process: subprocess.Process

    async def heard(self, *events: str, times: int = 1) -> bytes | None:
        """The line with which it told of one of these for the last of so many times; None when it ended before."""
        assert self.process.stdout
        async with timeout(PATIENCE):
            async for line in self.process.stdout:
                times -= any(f'"event": "{event}"'.encode() in line for event in events)
                if times == 0:
                    return line
        return None


def environment(here: House, home: Path, **values: object) -> dict[str, str]:
    """The settings of a house, with these instead of its own, for a process over this home."""
    live = {f"LIVE__{name.upper()}": value for name, value in here.settings.live.model_dump().items() if value != ""}
    own = {
        "API_ID": here.login.api_id,
        "API_HASH": here.login.api_hash,
        "TELEGRAM__SERVER": here.sandbox.address,
        "TELEGRAM__SERVER_DC": here.sandbox.dc,
        "TELEGRAM__SERVER_KEY": here.sandbox.public_key.replace("\n", "\\n"),
        "PULL__REQUESTS_PER_SECOND": 1000,
    }
    return settings.environment(home, **{**own, **live, **values}) | {"PYTHONPATH": str(ROOT)}


@asynccontextmanager
async def child(here: House, module: str, *words: str, **values: object) -> AsyncIterator[Child]:
    """Start it with these settings too; it is killed at the end of the block, if it did not end before."""
    command = [sys.executable, "-m", module, *words]
    process = await subprocess.create_subprocess_exec(
        *command, env=environment(here, here.home.path, **values), stdout=subprocess.PIPE
    )
    try:
        yield Child(process)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
