"""What crosses something else on its way: a question and a bubble, a call and an approval, a night and its messages."""

import pytest
from telethon.tl import types

from bot.inbox import Outcome
from bot.policy import Mode
from sandbox.box import Post
from tests.fakes import RecordedGenerator
from tests.household import Household, person, review, settle

CALL = types.MessageActionPhoneCall(1, reason=types.PhoneCallDiscardReasonMissed())


@pytest.mark.parametrize("question", ["are you a bot?", "can you lend me some money?"])
async def test_a_question_that_crosses_a_bubble_on_the_wire_is_held_like_any_other(
    house: Household, question: str
) -> None:
    """It is written in the moment in which the twin's bubble is sent, so its id is the lower one."""
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(RecordedGenerator([("first thing",), ("second thing",)])):

        async def cross() -> None:
            house.sandbox.faults.delay_updates(0.3)
            await house.sandbox.say(anna.id, house.owner_id, question)

        house.sandbox.faults.meanwhile("SendMessage", cross)
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("sent")
        await house.heard("held")
    assert house.delivered() == ["first thing"]


@pytest.mark.parametrize("action", [CALL, types.MessageActionPinMessage()], ids=["call", "pin"])
async def test_a_call_or_a_pin_after_a_question_does_not_lose_the_approved_answer(
    house: Household, action: object
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    house.sandbox.deliver(Post(anna.id, house.owner_id, house.sandbox.town.clock.now(), "", action=action))
    async with house.running():
        assert review(house, "approve")
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]


async def test_a_message_of_last_night_expires_also_when_an_update_brings_it(house: Household) -> None:
    """A laptop wakes up: the difference brings what was written hours ago, before any reading does."""
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        house.sandbox.town.clock.advance(-10 * 3600)
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        house.sandbox.town.clock.advance(10 * 3600)
        await house.heard("incoming")
        await settle(1.0)
    assert house.delivered() == []
    assert list(house.outcomes().values()) == [Outcome.EXPIRED]
