"""kill -9 at random moments of a pull: the archive is whole, and ends as that of a pull that nobody disturbed.

Thirty times, two hundred with `--long`. The moments are drawn from a printed seed.
"""

import asyncio
import contextlib
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.archive import Archive
from data.consent import Ledger
from data.telegram import Login, Server, connect, log_in_by_code
from data.transcript import Scope
from sandbox.crowd import FIRST, crowd_town
from sandbox.server import Sandbox

CHATS = 8
LONGEST = 0.6
"""Seconds after connecting within which a pull is killed; undisturbed it takes longer."""


async def _pull(sandbox: Sandbox, home: Path, kill_after: float | None) -> bool:
    """One pull in a process of its own; returns whether it came to its end."""
    town = sandbox.town
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.child_pull", str(home / "account.session"), str(home / "archive.db")),
        *(sandbox.address, str(town.api_id), town.api_hash),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(sandbox.public_key.encode())
    process.stdin.close()
    await process.stdout.readline()
    if kill_after is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), kill_after)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
    return await process.wait() == 0


async def test_a_pull_that_is_killed_at_any_moment_loses_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = 200 if request.config.getoption("--long") else 30
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    town = crowd_town(dialogs=CHATS, messages=kills * 30)
    async with Sandbox(town) as sandbox:
        host, port = sandbox.address.split(":")
        server = Server(host, int(port), sandbox.dc, sandbox.public_key)

        async def code(_question: str, _hidden: bool) -> str:
            return sandbox.code_for(town.owner.phone or "")

        login = Login(town.api_id, town.api_hash, tmp_path / "account.session", server)
        async with connect(login) as client:
            await log_in_by_code(client, f"+{town.owner.phone}", code)
        with contextlib.closing(Archive(tmp_path / "archive.db")) as archive:
            for number in range(CHATS):
                Ledger(archive).grant(FIRST + number, Scope.CHAT, "test", "test", datetime.now(UTC))
        sandbox.faults.latency = 0.1
        ended, counts = 0, []
        for number in range(kills):
            ended += await _pull(sandbox, tmp_path, chance.uniform(0, LONGEST))
            # meanwhile the chats go on: new lines, an edit and a deletion deep in what may be here already
            contact = FIRST + number % CHATS
            ids = town.boxes[town.owner_id].by_peer[contact]
            await sandbox.say(contact, town.owner_id, f"said after kill {number}")
            await sandbox.edit(ids[-chance.randrange(2, 90)], f"edited after kill {number}")
            await sandbox.unsend(ids[-chance.randrange(2, 90)])
            with contextlib.closing(Archive(tmp_path / "archive.db")) as archive:
                assert archive.damage() is None
                counts.append(archive.count())
        assert counts[-1] > counts[0], "what one pull brought is there for the next"
        assert ended < kills, "most were killed before their end"
        sandbox.faults.latency = 0.0
        assert await _pull(sandbox, tmp_path, None)
        with contextlib.closing(Archive(tmp_path / "archive.db")) as archive:
            for contact in range(FIRST, FIRST + CHATS):
                here = [(message.mine, message.text) for message in archive.messages(contact)]
                assert here == [(line.mine, line.text) for line in sandbox.texts(contact)]
