"""The owner decides in a terminal, as another process would: what was approved goes out, and nothing else."""

import threading
from typing import cast

import pytest

from bot.control import Control
from bot.guard import Guard
from bot.hearing import Hearing
from bot.inbox import Inbox
from bot.notices import Notices
from bot.outbox import Outbox
from bot.policy import Mode
from bot.review import Review
from bot.suggestion import State, Suggestions
from bot.writing import Writing
from data.message import Message
from tests.fakes import RecordedGenerator
from tests.household import NO_WAIT, Household, now, person, review, settle


async def test_ask_waits_for_the_owner_and_sends_what_was_approved(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert house.delivered() == []
        assert review(house, "approve")
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]
    assert [s.state for s in house.suggestions()] == [State.SENT]


async def test_an_edited_suggestion_goes_out_in_the_owners_version(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "edit", ["sounds very good", "glad"])
        await house.heard("sent", times=2)
    assert house.delivered() == ["sounds very good", "glad"]


async def test_another_brings_a_second_suggestion_for_the_same_message(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running(RecordedGenerator([("one",), ("two",)])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "another")
        await house.heard("offered", times=2)
    assert [(s.texts, s.state) for s in house.suggestions()] == [
        (("one",), State.SUPERSEDED),
        (("two",), State.OFFERED),
    ]
    assert house.delivered() == []


async def test_skipping_sends_nothing_and_ends_it(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "skip")
        await settle()
    assert house.delivered() == []
    assert [s.state for s in house.suggestions()] == [State.SKIPPED]


async def test_an_approval_of_an_outdated_suggestion_sends_nothing(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    gate = threading.Event()
    gate.set()
    async with house.running(RecordedGenerator([("one",), ("two",)], gate)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        with house.archive() as archive, house.live() as live:
            desk = Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now)
            (old,) = desk.waiting()
            gate.clear()
            await house.sandbox.say(anna.id, house.owner_id, "wait, something else")
            await house.heard("incoming", times=2)
            assert not desk.approve(old)
        await settle()
    assert house.delivered() == []


async def test_nothing_approved_goes_out_while_paused(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        with house.live() as live:
            Control(live).pause()
        assert review(house, "approve")
        await settle()
    assert house.delivered() == []


async def test_a_crash_while_asking_for_another_leaves_the_suggestion_waiting(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    with house.archive() as archive, house.live() as live:
        desk = Review(archive, Suggestions(live), Killed(live, NO_WAIT), now)
        with pytest.raises(KeyboardInterrupt):
            desk.another(desk.waiting()[0])
    assert [s.state for s in house.suggestions()] == [State.OFFERED]
    assert set(house.outcomes().values()) == {"suggested"}


async def test_a_crash_while_an_edit_is_noted_loses_nothing(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    changed = Message(anna.id, message_id, False, now(), "dinner was great")
    with house.archive() as archive, house.live() as live:
        hearing = Hearing(
            archive=archive,
            inbox=Killed(live, NO_WAIT),
            notices=Notices(live, archive, Guard().crisis, now),
            suggestions=Suggestions(live),
            outbox=cast("Outbox", None),
            writing=Writing(),
            emit=house.emit,
            now=now,
        )
        with pytest.raises(KeyboardInterrupt):
            hearing.edited(changed)
    assert [s.state for s in house.suggestions()] == [State.OFFERED]
    async with house.running():  # what the crash left undone is done by the next reading
        await house.sandbox.edit(message_id, changed.text)
        await house.heard("offered")
    assert [s.state for s in house.suggestions()] == [State.SUPERSEDED, State.OFFERED]


class Killed(Inbox):
    """The process ends between the two writes."""

    def reopen(self, suggestion_id: int) -> None:
        raise KeyboardInterrupt
