"""The kill switch lies in a row: other processes see it, and a restart keeps it. What is typed into Saved Messages
while nobody listens is found."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from telethon.tl import types

from bot.clocks import Clocks
from bot.control import SPANS, Control, Orders
from bot.livedb import LiveDb
from bot.policy import Mode
from sandbox.box import Post
from sandbox.furniture import BOT
from tests.fakes import HandClock
from tests.household import Household, now, paused, person, review, settle, until

if TYPE_CHECKING:
    from bot.answers import Answers

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


def test_a_pause_for_a_while_does_not_end_because_our_clock_jumps(tmp_path: Path) -> None:
    clock = HandClock(NOW)
    clocks = Clocks(clock)
    with closing(LiveDb(tmp_path / "live.db")) as live:
        control = Control(live, clocks)
        control.pause(until=NOW + timedelta(hours=1))
        clock.forward(86400)
        clocks.compare(NOW + timedelta(minutes=59))
        assert control.paused(clock())
        clocks.compare(NOW + timedelta(minutes=61))
        assert not control.paused(clock())


def test_a_pause_made_by_another_process_holds_here(tmp_path: Path) -> None:
    mine, theirs = LiveDb(tmp_path / "live.db"), LiveDb(tmp_path / "live.db")
    assert not Control(mine).paused(NOW)
    Control(theirs).pause()
    assert Control(mine).paused(NOW)
    mine.close()
    theirs.close()


def orders(live: LiveDb) -> Orders:
    about = cast("Answers", SimpleNamespace(standing=lambda: "Twin paused."))
    return Orders(Control(live), about, Clocks(lambda: NOW))


@pytest.mark.parametrize(
    ("span", "length"),
    [
        ("", None),
        ("30m", timedelta(minutes=30)),
        ("2 Hours", timedelta(hours=2)),
        ("1 day", timedelta(days=1)),
        ("9999d", timedelta(days=9999)),
        *((span, None) for span in ("90s", "0h", "²h", "2 months", "99999999999d", "until six", "2h30")),
    ],
)
def test_a_pause_whose_time_is_not_understood_has_no_end(tmp_path: Path, span: str, length: timedelta | None) -> None:
    with closing(LiveDb(tmp_path / "live.db")) as live:
        told = orders(live).obey(1, ["pause", *span.split()], NOW)
        assert told == ("Twin paused." if length or not span else f"Twin paused. {SPANS}")
        control = Control(live)
        assert control.paused(NOW)
        assert control.paused_until() == (NOW + length if length else None)


def test_an_old_pause_that_is_found_later_shortens_no_newer_one_and_a_new_one_does(tmp_path: Path) -> None:
    with closing(LiveDb(tmp_path / "live.db")) as live:
        control = Control(live)
        control.pause()
        orders(live).obey(1, ["pause", "1h"], NOW - timedelta(minutes=10))
        assert control.paused_until() is None
        orders(live).obey(2, ["pause", "1h"], NOW)
        assert control.paused_until() == NOW + timedelta(hours=1)
        orders(live).obey(3, ["pause", "2h"], NOW - timedelta(minutes=10))
        assert control.paused_until() == NOW + timedelta(minutes=110)


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
        await house.sandbox.say(house.owner_id, house.owner_id, ".Twin Pause")  # as a phone begins a line
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
        assert await asked(house, ".twin status") == "Twin running. Chats listed: 0. Waiting for you: 0."
        assert await asked(house, f".twin mode {anna.title} Ask") == f"{anna.title}: ask."
        assert house.modes()[anna.id] is Mode.ASK
        refused = await asked(house, f".twin mode {anna.title} auto")
        assert "has not earned auto" in refused
        assert f"doppelgram chats set {anna.id} --mode auto --force" in refused
        assert "no mode loud" in await asked(house, f".twin mode {anna.title} loud")
        assert "Nobody" in await asked(house, ".twin mode Nobody ask")
        assert "mode CHAT" in await asked(house, ".twin mode")
        assert house.modes()[anna.id] is Mode.ASK
        silent = person(house, 1)
        assert "stays silent" in await asked(house, f".twin mode {silent.title} draft")


async def test_what_the_twin_wrote_last_is_told_in_saved_messages(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        assert await asked(house, ".twin log") == "The twin has written nothing yet."
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "edit", ["sounds good", "x" * 4000])
        await house.heard("sent", times=2)
        first, second = (await asked(house, ".twin log ")).splitlines()
        assert first.endswith(f"{anna.title}: sounds good")
        assert second.endswith("xxx …")
        assert len(second) < 600, "five of them fit into one message"
        assert "Chats listed: 1." in await asked(house, ".twin status")
        assert (await asked(house, ".twin pause 1h")).startswith("Twin paused until ")
        assert (await asked(house, ".twin")).startswith("Twin paused until ")


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
