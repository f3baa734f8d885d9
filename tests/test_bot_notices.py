"""Crisis words are told to the owner at once, and exactly once, whatever becomes of the reply, the switches and the
process."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.control import Control
from bot.policy import Mode
from sandbox.faults import Hold
from tests.fakes import RecordedGenerator
from tests.household import Household, now, person, settle, until
from tests.test_bot_crash import child, event

CRISIS = "i want to kill myself"


def notices(house: Household) -> list[str]:
    """What the twin told its owner in Saved Messages."""
    return [
        each.text
        for each in house.sandbox.journal.deliveries
        if each.peer_id == house.owner_id and each.via_session is not None
    ]


async def test_the_owner_is_told_before_any_reply_is_written(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    gate = threading.Event()
    generator = RecordedGenerator(gate=gate)
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, CRISIS)
        await until(lambda: len(notices(house)) == 1)
        assert anna.title in notices(house)[0]
        assert CRISIS not in notices(house)[0]
        await until(lambda: bool(generator.asked))
        gate.set()
        await house.heard("held")
        await house.sandbox.say(anna.id, house.owner_id, "please")
        await house.heard("held", times=2)
        await settle(0.5)
    assert len(notices(house)) == 1


async def test_a_reply_that_is_dropped_drops_no_notice(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(RecordedGenerator([("<|im_end|>",)])):
        await house.sandbox.say(anna.id, house.owner_id, CRISIS)
        await house.heard("dropped")
        await until(lambda: len(notices(house)) == 1)


async def test_words_broken_over_two_messages_are_told_though_the_reply_is_dropped(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(RecordedGenerator([("<|im_end|>",)])):
        await house.sandbox.say(anna.id, house.owner_id, "i want to kill")
        await house.sandbox.say(anna.id, house.owner_id, "myself")
        await house.heard("dropped")
        await until(lambda: len(notices(house)) == 1)


async def test_the_owner_is_told_while_the_twin_is_paused_and_not_again_afterwards(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    with house.live() as live:
        Control(live).pause()
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, CRISIS)
        await until(lambda: len(notices(house)) == 1)
        with house.live() as live:
            Control(live).resume(now())
        await house.heard("held")
    async with house.running():
        await settle(0.5)
    assert len(notices(house)) == 1


async def test_an_edit_into_crisis_words_is_told(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "i am fine")
        await house.heard("offered")
        with house.live() as live:
            Control(live).pause()
        await house.sandbox.edit(message_id, CRISIS)
        await until(lambda: len(notices(house)) == 1)


async def test_a_chat_that_is_off_is_not_listened_to_in_a_crisis_either(house: Household) -> None:
    house.allow(person(house).id, Mode.OFF)
    async with house.running():
        await house.sandbox.say(person(house).id, house.owner_id, CRISIS)
        await settle(0.5)
    assert notices(house) == []


@asynccontextmanager
async def killed_while_telling(house: Household, hold: Hold) -> AsyncIterator[None]:
    """A client that has taken in a crisis and is killed while its notice is on the wire."""
    async with child(house, [["sounds good"]], bubble_seconds=0) as process:
        await event(process, "watching")
        await house.sandbox.say(person(house).id, house.owner_id, CRISIS)
        await asyncio.wait_for(hold.reached.wait(), 120)
    yield
    async with child(house, [["sounds good"]], bubble_seconds=0) as process:
        await event(process, "watching")
        await until(lambda: not untold(house))
        await settle(0.5)


def untold(house: Household) -> int:
    with house.live() as live:
        (n,) = live.db.execute("SELECT count(*) FROM notices WHERE told_at IS NULL").fetchone()
        return int(n)


@pytest.mark.parametrize("moment", ["before it arrives", "after it arrived"])
async def test_killed_while_it_is_told_the_notice_arrives_once(house: Household, moment: str) -> None:
    house.allow(person(house).id, Mode.ASK)
    faults = house.sandbox.faults
    hold = faults.hold("SendMessage") if moment.startswith("before") else faults.hold_answer("SendMessage")
    async with killed_while_telling(house, hold):
        assert untold(house) == 1
        assert len(notices(house)) == (0 if moment.startswith("before") else 1)
    assert len(notices(house)) == 1
    hold.release()  # the first one, late
    await settle(0.3)
    assert len(notices(house)) == 1


async def test_a_notice_that_is_refused_is_told_later(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    house.sandbox.faults.flood("SendMessage", 1)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, CRISIS)
        await house.heard("notice_failed")
        await until(lambda: len(notices(house)) == 1)
    assert len(notices(house)) == 1
