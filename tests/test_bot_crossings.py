"""What crosses something else on its way: a question and a bubble, a call and an approval, a night and its messages."""

from dataclasses import replace
from pathlib import Path

import pytest
from telethon.tl import types

from bot.control import Control
from bot.inbox import Inbox, Outcome
from bot.policy import Mode, Policy
from bot.silence import silence
from data.consent import Ledger
from data.message import Message
from sandbox.box import Post
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import HandClock, RecordedGenerator
from tests.household import NO_WAIT, Household, approved, household, now, person, review, settle, until

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


@pytest.mark.parametrize("how", ["edited", "deleted"])
async def test_what_changes_while_its_reply_waits_to_be_typed_is_answered_anew(tmp_path: Path, how: str) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=3.0) as house:
        anna, clock = person(house), HandClock()
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("glad you liked it",), ("oh no, why?",)]), now=clock):
            first = await sandbox.say(anna.id, house.owner_id, "lunch was grate")
            last = await sandbox.say(anna.id, house.owner_id, "and so was the cake")
            await approved(house, clock, messages=2)
            await (sandbox.edit(first, "lunch was awful") if how == "edited" else sandbox.unsend(first))
            await house.heard("cancelled")
            clock.forward(2)
            await house.heard("approved", times=2)
            clock.forward(3)
            await house.heard("sent")
        assert house.delivered() == ["oh no, why?"]
        assert house.outcomes()[anna.id, last] == "suggested"


async def test_what_waited_when_a_chat_was_set_off_is_history_when_it_is_listed_again(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        with house.live() as live:
            Control(live).pause()
        asked = await house.sandbox.say(anna.id, house.owner_id, "lunch?")
        await house.heard("incoming")
        with house.live() as live:
            silence(live, anna.id, now())
            Policy(live, house.settings.live).set_mode(anna, Mode.ASK, now(), asked)
            Control(live).resume(now())
        await settle()
    assert house.suggestions() == []
    assert house.outcomes()[anna.id, asked] == "off"


async def test_more_messages_than_one_reading_shows_have_an_outcome_each(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        pass
    asked = [await house.sandbox.say(anna.id, house.owner_id, f"number {n}") for n in range(450)]
    async with house.running():
        await until(lambda: {house.outcomes().get((anna.id, message_id)) for message_id in asked} == {"suggested"})


async def test_a_caption_that_stays_under_another_picture_is_a_new_question(house: Household) -> None:
    anna = person(house)
    with house.live() as live:
        inbox = Inbox(live, NO_WAIT)
        photo = Message(anna.id, 7, False, now(), "which one?", media="[photo]")
        assert inbox.add(anna.id, photo.id, photo.said, now())
        assert not inbox.changed(anna.id, photo.id, photo.said)
        assert inbox.changed(anna.id, photo.id, replace(photo, media="[video]").said)


async def test_a_delivery_after_the_consent_ended_is_not_kept(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    hold = house.sandbox.faults.hold_answer("SendMessage")
    async with house.running(RecordedGenerator([("wordfound",)])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch?")
        await hold.reached.wait()
        with house.archive() as archive:
            Ledger(archive).revoke(anna.id, now())
            archive.forget(anna.id)
        hold.release()
        await house.heard("sent")
    assert house.delivered() == ["wordfound"]
    with house.archive() as archive:
        assert archive.messages(anna.id) == []
