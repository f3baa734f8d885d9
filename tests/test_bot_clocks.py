"""The server's clock dates messages, ours says what time it is: how old a message is takes both of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clocks import Clocks
from bot.control import Control
from bot.listening import Listening
from bot.policy import Mode, Policy
from sandbox.clock import Clock
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import RecordedGenerator
from tests.household import Household, household, now, person, settle, until

DAYS = timedelta(days=3)


def test_a_date_of_the_servers_is_told_by_our_clock() -> None:
    clocks = Clocks(lambda: datetime(2026, 3, 3, 15, 0, tzinfo=UTC))
    clocks.compare(datetime(2026, 3, 1, 14, 59, 59, tzinfo=UTC))
    assert clocks.here(datetime(2026, 3, 1, 14, 0, tzinfo=UTC)) == datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
    assert clocks.age(datetime(2026, 3, 1, 14, 0, tzinfo=UTC)) == timedelta(hours=1)


def test_a_few_seconds_are_no_difference() -> None:
    clocks = Clocks(lambda: datetime(2026, 3, 3, 15, 0, tzinfo=UTC))
    clocks.compare(datetime(2026, 3, 3, 14, 59, 58, tzinfo=UTC))
    assert clocks.ahead == timedelta(0)


async def test_a_message_is_answered_whatever_the_servers_clock_says(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    house.sandbox.town.clock = Clock(now() - DAYS)
    async with house.running(RecordedGenerator([("yes",)])):
        await house.sandbox.say(anna.id, house.owner_id, "are you there?")
        await house.heard("offered")


async def test_a_message_is_answered_after_our_clock_jumped(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    jumped = timedelta(0)
    async with house.running(RecordedGenerator([("yes",)]), now=lambda: now() + jumped):
        asked = house.sandbox.calls["GetStateRequest"]
        jumped = DAYS
        await until(lambda: house.sandbox.calls["GetStateRequest"] > asked)
        await house.sandbox.say(anna.id, house.owner_id, "are you there?")
        await house.heard("offered")


async def test_a_chat_listed_just_before_our_clock_is_put_back_is_answered(house: Household) -> None:
    """Its history cannot be read until afterwards, by another run even."""
    ben, jumped = person(house, 1), timedelta(0)
    house.allow(person(house).id, Mode.ASK)
    async with house.running(now=lambda: now() + jumped):
        house.sandbox.faults.refuse("GetHistory", 400, "CHANNEL_PRIVATE", times=1000)
        history = await house.sandbox.say(ben.id, house.owner_id, "an hour ago")
        house.allow(ben.id, Mode.ASK)
        await house.heard("trouble", dialog=ben.id)
        asked = house.sandbox.calls["GetStateRequest"]
        jumped = -timedelta(minutes=5)
        await until(lambda: house.sandbox.calls["GetStateRequest"] > asked)
        house.sandbox.town.clock.advance(5)
        message_id = await house.sandbox.say(ben.id, house.owner_id, "are you there?")
    house.sandbox.faults.clear()
    async with house.running(RecordedGenerator([("yes",)]), now=lambda: now() + jumped):
        await house.heard("offered")
    assert (ben.id, history) not in house.outcomes()
    assert house.outcomes() == {(ben.id, message_id): "suggested"}


async def test_a_chat_listed_while_run_waits_for_a_network_is_answered_though_our_clock_is_put_back(
    house: Household,
) -> None:
    ben, jumped = person(house, 1), timedelta(0)
    connecting = house.sandbox.faults.hold("GetUsers")

    async def meanwhile() -> int:
        nonlocal jumped
        await connecting.reached.wait()
        try:
            house.allow(ben.id, Mode.ASK)
            with house.live() as live:
                await until(lambda: live.db.execute("SELECT * FROM standings").fetchone() is not None, within=20)
            jumped = -timedelta(minutes=5)
            await settle(2.5)  # Telegram's times are whole seconds
            return await house.sandbox.say(ben.id, house.owner_id, "are you there?")
        finally:
            connecting.release()

    said = asyncio.create_task(meanwhile())
    async with house.running(RecordedGenerator([("yes",)]), now=lambda: now() + jumped):
        await house.heard("offered")
    assert house.outcomes() == {(ben.id, await said): "suggested"}


async def test_how_our_clock_stood_before_the_machine_was_started_anew_says_nothing(house: Household) -> None:
    """What counts the seconds begins anew then."""
    ben = person(house, 1)
    house.allow(ben.id, Mode.ASK)
    async with house.running():
        house.sandbox.town.clock.advance(5)
        message_id = await house.sandbox.say(ben.id, house.owner_id, "are you there?")
        await house.heard("incoming")
    with house.live() as live, house.archive() as archive:
        clocks = Clocks(now, steady=lambda: 0.0, boot=lambda: "another")
        listening = Listening(live, archive, Policy(live, house.settings.live), clocks)
        listening.begin(ben.id, archive.recent(ben.id, 1))
        assert (listening.since(ben.id) or 0) < message_id


async def test_a_reply_on_its_way_leaves_when_it_is_due_though_our_clock_is_put_back(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.5) as house:
        anna, jumped = person(house), timedelta(0)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(now=lambda: now() + jumped):
            await sandbox.say(anna.id, house.owner_id, "are you there?")
            await house.heard("approved")
            jumped = -timedelta(hours=2)
            await house.heard("sent", within=60)


async def test_a_pause_for_a_while_holds_though_our_clock_runs_ahead(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    with house.live() as live:
        control = Control(live)
        control.pause(until=now() + timedelta(minutes=30))
        async with house.running(RecordedGenerator([("yes",)]), now=lambda: now() + DAYS):
            await house.sandbox.say(anna.id, house.owner_id, "are you there?")
            await house.heard("incoming")
            await settle(0.5)
            assert house.suggestions() == []
            control.resume(now())
            await house.heard("offered")
