"""Each incoming message of a listened chat has exactly one outcome, whatever is interrupted between Telegram, the
archive and the inbox; and a change that only a reading of history shows counts like its event."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.inbox import Inbox
from bot.policy import Mode
from bot.suggestion import State
from data.archive import Archive
from data.message import Message
from tests.fakes import RecordedGenerator
from tests.household import Household, now, person, settle, until


def answered(house: Household) -> dict[int, str | None]:
    """The outcome of each incoming message by its id, in a house with one chat."""
    return {message_id: outcome for (_, message_id), outcome in house.outcomes().items()}


def only_by_reading(house: Household) -> None:
    """The next start learns of what it missed by reading history alone: no update tells of it, early or late."""
    house.sandbox.faults.hold("GetDifference")


def fails_once(work: Callable[..., object]) -> Callable[..., object]:
    """The same, but for a full disk at the first call."""
    left = [sqlite3.OperationalError("disk full")]

    def wrapped(*arguments: object) -> object:
        if left:
            raise left.pop()
        return work(*arguments)

    return wrapped


# --- nothing lost between Telegram, the archive and the inbox


async def test_a_reading_that_fails_between_two_pages_loses_no_outcome(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        pass
    ids = [await house.sandbox.say(anna.id, house.owner_id, f"line {'!' * number}") for number in range(130)]
    for _ in range(2):  # Saved Messages, and the first page
        house.sandbox.faults.hold("GetHistory").release()
    house.sandbox.faults.refuse("GetHistory", 500, "INTERNAL")
    only_by_reading(house)
    async with house.running():
        await house.heard("sent")
        assert [e["event"] for e in house.events].count("trouble") == 1
    assert answered(house) == dict.fromkeys(ids, "suggested")
    assert house.delivered() == ["sounds good"]


@pytest.mark.parametrize("broken", [(Inbox, "add"), (Archive, "save")])
async def test_a_message_whose_taking_in_failed_is_taken_in_by_the_next_reading(
    house: Household, monkeypatch: pytest.MonkeyPatch, broken: tuple[type, str]
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        monkeypatch.setattr(*broken, fails_once(getattr(*broken)))
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("sent")
    assert list(answered(house).values()) == ["suggested"]
    assert house.delivered() == ["sounds good"]


async def test_a_message_that_was_archived_but_not_noted_before_a_crash_is_answered_after_it(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        pass
    message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
    with house.archive() as archive:  # as a kill between the two commits leaves it
        archive.save([Message(anna.id, message_id, False, house.sandbox.town.clock.now(), "lunch was great")])
    only_by_reading(house)
    async with house.running():
        await house.heard("sent")
    assert answered(house) == {message_id: "suggested"}


async def test_a_message_that_was_noted_but_not_archived_before_a_crash_is_answered_after_it(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "hey")
        await house.heard("sent")
        await house.sandbox.say(house.owner_id, anna.id, "it's me")
    message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
    with house.live() as live:
        Inbox(live, timedelta(0)).add(anna.id, message_id, "lunch was great", now() - timedelta(seconds=9))
    only_by_reading(house)
    house.sandbox.faults.hold("GetHistory").release()  # Saved Messages
    history = house.sandbox.faults.hold("GetHistory")
    generator = RecordedGenerator([("tell me more",)])
    task = asyncio.create_task(answers(house, generator))
    await history.reached.wait()
    await settle(0.5)
    history.release()
    await task
    assert house.outcomes()[anna.id, message_id] == "suggested"
    assert generator.asked[-1].turns[-1].texts == ("lunch was great",)


async def answers(house: Household, generator: RecordedGenerator) -> None:
    async with house.running(generator):
        await house.heard("sent")


async def test_an_answer_of_the_owner_that_was_archived_but_not_noted_still_wins(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    mine = await house.sandbox.say(house.owner_id, anna.id, "it was")
    with house.archive() as archive:
        archive.save([Message(anna.id, mine, True, house.sandbox.town.clock.now(), "it was")])
    only_by_reading(house)
    async with house.running():
        await house.heard("owner_answered")
    assert [s.state for s in house.suggestions()] == [State.OWNER_ANSWERED]


# --- what changed while nobody listened


async def test_an_edit_that_only_a_reading_shows_makes_the_suggestion_anew(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    only_by_reading(house)
    await house.sandbox.edit(message_id, "lunch was awful")
    generator = RecordedGenerator([("oh no",)])
    async with house.running(generator):
        await house.heard("superseded")
        await house.heard("offered")
    assert [(s.state, s.texts) for s in house.suggestions()] == [
        (State.SUPERSEDED, ("sounds good",)),
        (State.OFFERED, ("oh no",)),
    ]
    assert generator.asked[-1].turns[-1].texts[-1] == "lunch was awful"


async def test_an_edit_whose_reading_fails_halfway_is_not_lost(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    with house.archive() as archive:  # as a kill after the page was saved leaves it
        before = archive.message(anna.id, message_id)
        assert before
        archive.save([Message(anna.id, message_id, False, before.sent_at, "lunch was awful")])
    only_by_reading(house)
    await house.sandbox.edit(message_id, "lunch was awful")
    async with house.running():
        await house.heard("superseded")
        await house.heard("offered")


@pytest.mark.parametrize("by_event", [True, False])
@pytest.mark.parametrize("which", [0, 1, 2])
async def test_deleting_a_message_of_a_burst_makes_the_suggestion_anew(
    house: Household, which: int, by_event: bool
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        burst = [await house.sandbox.say(anna.id, house.owner_id, text) for text in ("hey", "lunch?", "or dinner?")]
        await house.heard("offered")
        if by_event:
            await house.sandbox.unsend(burst[which])
            await house.heard("offered", times=2)
            await settle(0.5)
    if not by_event:
        only_by_reading(house)
        await house.sandbox.unsend(burst[which])
        async with house.running():
            await house.heard("offered")
            await settle(0.5)
    left = [message_id for message_id in burst if message_id != burst[which]]
    assert answered(house) == dict.fromkeys(left, "suggested") | {burst[which]: "deleted"}
    old, new = house.suggestions()
    assert (old.state, old.upto_id) == (State.SUPERSEDED, burst[2])
    assert (new.state, new.upto_id) == (State.OFFERED, left[-1])


async def test_deleting_a_whole_burst_leaves_nothing_to_answer(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        burst = [await house.sandbox.say(anna.id, house.owner_id, text) for text in ("hey", "lunch?")]
        await house.heard("offered")
        await house.sandbox.unsend(*burst)
        await until(lambda: set(answered(house).values()) == {"deleted"})
        await settle(0.5)
    assert house.suggestions(State.OFFERED, State.PENDING) == []
    assert house.delivered() == []


async def test_a_reaction_is_no_edit(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        await house.sandbox.react(house.owner_id, message_id, "❤")
        await settle(0.5)
    async with house.running():
        await settle(0.5)
    assert [s.state for s in house.suggestions()] == [State.OFFERED]
