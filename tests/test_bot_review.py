"""The owner decides in a terminal, as another process would: what was approved goes out, and nothing else."""

import threading

from bot.control import Control
from bot.inbox import Inbox
from bot.policy import Mode
from bot.review import Review
from bot.suggestion import State, Suggestions
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
