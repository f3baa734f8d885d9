"""The kill switch lies in a row: other processes see it, and a restart keeps it. What is typed into Saved Messages
while nobody listens is found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from bot.control import Control
from bot.livedb import LiveDb
from bot.policy import Mode
from sandbox.box import Post
from sandbox.furniture import BOT
from tests.household import Household, now, paused, person, settle, until

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def test_a_pause_holds_until_it_is_lifted_and_survives_a_restart(tmp_path: Path) -> None:
    first = LiveDb(tmp_path / "live.db")
    assert not Control(first).paused(NOW)
    Control(first).pause()
    first.close()
    second = LiveDb(tmp_path / "live.db")
    assert Control(second).paused(NOW + timedelta(days=400))
    Control(second).resume(NOW)
    assert not Control(second).paused(NOW)
    second.close()


def test_a_file_in_the_home_pauses_and_resume_takes_it_away(tmp_path: Path) -> None:
    live = LiveDb(tmp_path / "live.db")
    (tmp_path / "PAUSE").touch()
    assert Control(live).paused(NOW)
    Control(live).resume(NOW)
    assert not (tmp_path / "PAUSE").exists()
    assert not Control(live).paused(NOW)
    live.close()


def test_a_pause_for_a_while_ends_by_itself(tmp_path: Path) -> None:
    live = LiveDb(tmp_path / "live.db")
    Control(live).pause(until=NOW + timedelta(hours=1))
    assert Control(live).paused(NOW + timedelta(minutes=59))
    assert not Control(live).paused(NOW + timedelta(minutes=61))
    live.close()


def test_a_pause_made_by_another_process_holds_here(tmp_path: Path) -> None:
    mine, theirs = LiveDb(tmp_path / "live.db"), LiveDb(tmp_path / "live.db")
    assert not Control(mine).paused(NOW)
    Control(theirs).pause()
    assert Control(mine).paused(NOW)
    mine.close()
    theirs.close()


async def typed(house: Household, text: str, minutes_ago: float = 0) -> int:
    """The owner writes to Saved Messages, on the phone."""
    clock = house.sandbox.town.clock
    clock.advance(-60 * minutes_ago)
    try:
        return await house.sandbox.say(house.owner_id, house.owner_id, text)
    finally:
        clock.advance(60 * minutes_ago)


def switch(house: Household, *, pause: bool) -> None:
    with house.live() as live:
        Control(live).pause() if pause else Control(live).resume(now())


async def test_a_pause_typed_while_the_connection_is_lost_is_found_when_it_is_back(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.stop()
        await typed(house, ".twin pause")
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.sandbox.start()
        await until(lambda: paused(house))
        await settle()
    assert house.delivered() == []


async def test_a_pause_typed_while_nothing_ran_comes_before_everything_that_waits(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        pass
    await typed(house, ".twin pause", minutes_ago=90)
    await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
    async with house.running():
        await settle()
        assert paused(house)
    assert house.delivered() == []


@pytest.mark.parametrize(
    ("typed_before", "holds"),
    [
        ([(".twin pause", 10), (".twin resume", 5)], False),
        ([(".twin resume", 10), (".twin pause", 5)], True),
        ([(".twin pause", 10), (".twin status", 5)], True),
        ([(".twin pause 2h", 60)], True),
        ([(".twin pause 2h", 180)], False),
        ([(".twin pause", 10), (".twin resume", 0)], False),
        ([("twin pause", 10)], False),
    ],
)
async def test_an_old_pause_holds_unless_a_resume_came_after_it(
    house: Household, typed_before: list[tuple[str, float]], holds: bool
) -> None:
    for text, minutes_ago in typed_before:
        await typed(house, text, minutes_ago)
    house.allow(person(house).id, Mode.ASK)
    async with house.running():
        assert paused(house) == holds


async def test_a_resume_on_any_surface_ends_a_pause_that_was_typed_before_it(house: Household) -> None:
    await typed(house, ".twin pause", minutes_ago=10)
    switch(house, pause=False)
    house.allow(person(house).id, Mode.ASK)
    async with house.running():
        assert not paused(house)


@pytest.mark.parametrize("live", [True, False])
async def test_other_commands_older_than_a_minute_are_ignored(house: Household, live: bool) -> None:
    house.allow(person(house).id, Mode.ASK)
    switch(house, pause=True)
    if not live:
        await typed(house, ".twin resume", minutes_ago=2)
    async with house.running():
        if live:  # an event that comes late
            await typed(house, ".twin resume", minutes_ago=2)
            await settle()
        assert paused(house)
        await typed(house, ".twin resume")
        await until(lambda: not paused(house))


async def test_a_command_is_obeyed_once_though_its_answer_never_reached_the_chat(house: Household) -> None:
    house.allow(person(house).id, Mode.ASK)
    house.sandbox.faults.refuse("EditMessage", 400, "MESSAGE_EDIT_TIME_EXPIRED", times=9)
    switch(house, pause=True)
    async with house.running():
        await typed(house, ".twin resume")
        await until(lambda: not paused(house))
    switch(house, pause=True)
    async with house.running():
        assert paused(house)


async def test_a_pause_typed_on_the_phone_holds_though_our_clock_runs_two_minutes_ahead(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(now=lambda: datetime.now(UTC) + timedelta(minutes=2)):
        await house.sandbox.say(house.owner_id, house.owner_id, ".twin pause")
        await until(lambda: paused(house))


async def asked(house: Household, text: str) -> str:
    """What a command in Saved Messages becomes."""
    number = await typed(house, text)

    def shown() -> str:
        return house.sandbox.town.boxes[house.owner_id].posts[number].text

    await until(lambda: shown() != text)
    return shown()


async def test_a_chat_is_put_into_a_mode_from_saved_messages_by_the_same_rules(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.OFF)
    async with house.running():
        assert await asked(house, f".twin mode {anna.title} ask") == f"{anna.title}: ask."
        assert house.modes()[anna.id] is Mode.ASK
        assert "has not earned auto" in await asked(house, f".twin mode {anna.title} auto")
        assert "no mode loud" in await asked(house, f".twin mode {anna.title} loud")
        assert "Nobody" in await asked(house, ".twin mode Nobody ask")
        assert "mode CHAT" in await asked(house, ".twin mode")
        assert house.modes()[anna.id] is Mode.ASK
        silent = person(house, 1)
        assert "stays silent" in await asked(house, f".twin mode {silent.title} draft")


async def test_what_the_twin_wrote_last_is_told_in_saved_messages(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        assert await asked(house, ".twin log") == "The twin has written nothing yet."
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("sent")
        assert (await asked(house, ".twin log ")).endswith(f"{anna.title}: sounds good")
        assert "running" in await asked(house, ".twin status")


async def test_a_command_that_somebody_else_wrote_is_not_obeyed_though_it_lies_in_saved_messages(
    house: Household,
) -> None:
    """Forwarded there, or made by an inline bot; while it runs, and found at the next start."""
    me = house.owner_id

    def lay(**more: Any) -> None:
        house.sandbox.deliver(Post(me, me, house.sandbox.town.clock.now(), ".twin pause", **more))

    for _ in range(2):
        async with house.running():
            lay(forward=types.MessageFwdHeader(date=now(), from_id=types.PeerUser(person(house).id)))
            lay(via_bot=BOT)
            asked = await typed(house, ".twin status")
            await until(lambda asked=asked: house.sandbox.post(asked).text.startswith("Twin "))
            assert house.sandbox.post(asked).text.startswith("Twin running.")
    assert not paused(house)
