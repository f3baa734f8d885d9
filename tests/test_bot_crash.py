"""kill -9 and lost answers, against real processes: each reply is delivered once, and nothing is forgotten.

Five random repetitions each, fifty with `--long`; `bench.live` kills at named points too. The moments are drawn from a
printed seed.
"""

import asyncio
import json
import random
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot import settings
from bot.policy import Mode
from bot.suggestion import State
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.household import Household, household, person, until

UNCAPPED = {"LIVE__CHAT_HOUR": 999, "LIVE__CHAT_DAY": 999, "LIVE__ALL_DAY": 999, "LIVE__IN_A_ROW": 999}
UNCAPPED |= {"LIVE__QUICK_ANSWERS": 999, "LIVE__OWNER_SECONDS": 0}


def reply(number: int) -> list[str]:
    """A reply of two bubbles that was not given before: the guard holds one that was."""
    return [f"sounds good{'!' * number}", f"fine{'.' * number}"]


@asynccontextmanager
async def child(
    house: Household, replies: list[list[str]], bubble_seconds: float, stderr: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running client in a process of its own."""
    environment = settings.environment(
        house.home.path,
        API_ID=house.login.api_id,
        API_HASH=house.login.api_hash,
        TELEGRAM__SERVER=house.sandbox.address,
        TELEGRAM__SERVER_DC=house.sandbox.dc,
        TELEGRAM__SERVER_KEY=house.sandbox.public_key,
        LIVE__DEBOUNCE_SECONDS=0.1,
        LIVE__CHAT_SECONDS=0,
        LIVE__BUBBLE_SECONDS=bubble_seconds,
        **UNCAPPED,
    )
    command = [sys.executable, "-m", "tests.child_run", json.dumps(replies)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=stderr)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def event(process: asyncio.subprocess.Process, *names: str, times: int = 1) -> dict[str, object]:
    """The next event of the child with one of these names."""
    assert process.stdout
    async with asyncio.timeout(120):
        async for line in process.stdout:
            found = json.loads(line)
            times -= found["event"] in names
            if times == 0:
                return dict(found)
    raise AssertionError(f"the client ended before {names}")


@pytest.fixture
async def town(tmp_path: Path, long: bool) -> AsyncIterator[tuple[Household, random.Random, int]]:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path) as house:
        house.allow(person(house).id, Mode.AUTO)
        yield house, random.Random(seed), 50 if long else 5


async def test_killed_between_planned_and_sent_a_reply_is_delivered_once(
    town: tuple[Household, random.Random, int],
) -> None:
    house, chance, repetitions = town
    anna = person(house)
    expected: list[str] = []
    for number in range(repetitions):
        async with child(house, [reply(number)], bubble_seconds=0.3) as process:
            await event(process, "watching")
            await house.sandbox.say(anna.id, house.owner_id, f"lunch number {'!' * number}")
            await event(process, "approved")
            await asyncio.sleep(chance.uniform(0, 0.9))
        async with child(house, [reply(number)], bubble_seconds=0.3) as process:
            await event(process, "watching")
            await until_settled(house)
        expected = check_rows(house, expected, reply(number))
    assert all(outcome == "suggested" for outcome in house.outcomes().values())
    assert len(house.outcomes()) == repetitions


async def test_a_lost_answer_to_the_send_leaves_one_delivery(town: tuple[Household, random.Random, int]) -> None:
    house, chance, repetitions = town
    anna = person(house)
    replies = [reply(number) for number in range(repetitions)]
    async with child(house, replies, bubble_seconds=0) as process:
        await event(process, "watching")
        for number in range(repetitions):
            lost = chance.choice([1, 1, 2])
            house.sandbox.faults.lose_answer("SendMessageRequest", times=lost)
            await house.sandbox.say(anna.id, house.owner_id, f"lunch number {'!' * number}")
            await event(process, "sent", times=2)
            house.sandbox.faults.clear()
    assert house.delivered(anna.id) == [text for each in replies for text in each]
    assert {s.state for s in house.suggestions()} == {State.SENT}


async def until_settled(house: Household) -> None:
    """Wait until no reply is under way."""
    under_way = (State.PENDING, State.APPROVED, State.PLANNED, State.SENDING)
    await until(lambda: not house.suggestions(*under_way) and None not in house.outcomes().values())


def check_rows(house: Household, before: list[str], planned: list[str]) -> list[str]:
    """Every row that claims to be sent was delivered once, no row twice, and only a beginning of a reply went out."""
    delivered = house.delivered()
    fresh = delivered[len(before) :]
    assert delivered[: len(before)] == before
    assert fresh == planned[: len(fresh)], f"a reply came out as {fresh}"
    with house.live() as live:
        sent = live.db.execute("SELECT text FROM outbox WHERE state = 'sent' ORDER BY id").fetchall()
    assert [row[0] for row in sent] == delivered
    ids = [each.random_id for each in house.sandbox.journal.deliveries if each.random_id]
    assert len(ids) == len(set(ids))
    assert fresh, "a reply that was approved and never overtaken is delivered"
    return delivered
