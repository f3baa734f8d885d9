"""The one sender: bubbles in order, floods obeyed, and everything checked again at the last moment."""

import asyncio
from pathlib import Path

import pytest

from bot.policy import Mode, Policy
from bot.suggestion import State
from bot.switching import switch
from data.errors import UserError
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import HandClock, RecordedGenerator
from tests.household import Household, approved, household, person, review, settle, told, until
from tests.test_bot_crash import child, event


async def test_the_owner_writing_between_two_bubbles_cancels_the_second(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.0) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        clock = HandClock()
        async with house.running(RecordedGenerator([("one", "two")]), now=clock):
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await approved(house, clock)
            clock.forward(1)
            await house.heard("sent")
            await sandbox.say(house.owner_id, anna.id, "me again")
            await house.heard("cancelled")
            clock.forward(5)
            await settle()
        assert house.delivered() == ["one"]


async def test_a_flood_wait_is_obeyed_and_everything_is_checked_again_then(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.faults.flood("SendMessageRequest", 5)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("flood_wait", seconds=5)
        calls = house.sandbox.journal.calls["SendMessageRequest"]
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("cancelled")
        await settle(5)
        assert house.sandbox.journal.calls["SendMessageRequest"] == calls
    assert house.delivered() == []


async def test_nobody_is_shown_to_type_while_a_long_flood_wait_lasts(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.faults.flood("SendMessageRequest", 60)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("flood_wait", seconds=60)
        await settle(0.5)
    assert "typing" not in [event.kind for event in house.sandbox.journal.events]


async def test_what_the_owner_approved_and_nothing_sent_in_time_is_told(house: Household) -> None:
    anna, clock = person(house), HandClock()
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    assert review(house, "approve")

    def pass_by(seconds: float) -> None:
        clock.forward(seconds)
        house.sandbox.town.clock.advance(seconds)

    pass_by(4 * 3600)
    house.sandbox.faults.refuse("SendMessageRequest", 500, "INTERNAL")
    async with house.running(now=clock):
        await house.heard("cancelled", reason="expired")
        await house.heard("notice_failed")
        pass_by(61)
        await until(lambda: bool(told(house)))
    assert told(house) == [f"Your reply to {anna.title} was not sent: by the time it could be, it was too old."]
    assert house.delivered() == []


async def test_peer_flood_turns_auto_off_everywhere_for_a_day_with_one_notice(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.AUTO)
    house.allow(boris.id, Mode.AUTO)
    house.sandbox.faults.refuse("SendMessageRequest", 400, "PEER_FLOOD")
    clock = HandClock()
    async with house.running(RecordedGenerator([("fine",), ("good",), ("great",)]), now=clock):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("incoming")
        clock.forward(1)
        await house.heard("peer_flood")
        assert set(house.modes().values()) == {Mode.ASK}
        with pytest.raises(UserError, match="limits this account"), house.archive() as archive, house.live() as live:
            switch(archive, Policy(live, house.settings.live), str(boris.id), Mode.AUTO, clock(), force=True)
        await _later(house, clock, 23.9, boris.id)
        await house.sandbox.say(boris.id, house.owner_id, "dinner too")
        await house.heard("incoming", dialog=boris.id)
        clock.forward(1)
        await house.heard("offered", dialog=boris.id)
        await _later(house, clock, 1, boris.id)
        await house.sandbox.say(boris.id, house.owner_id, "the soup most of all")
        await house.heard("incoming", dialog=boris.id, times=2)
        clock.forward(1)
        await house.heard("sent", dialog=boris.id)
    assert [anna.title in notice for notice in told(house)] == [True]
    assert house.delivered() == ["great"]


async def _later(house: Household, clock: HandClock, hours: float, dialog_id: int) -> None:
    """Move everybody's clock, and wait until the client has compared it anew: a jump while it asks would mislead it."""
    watching = {"event": "watching", "dialog": dialog_id}.items()
    before = sum(watching <= event.items() for event in house.events)
    clock.forward(hours * 3600)
    house.sandbox.town.clock.advance(hours * 3600)
    await house.heard("watching", times=before + 1, dialog=dialog_id)


async def test_nothing_is_sent_after_a_restart_before_the_chat_was_read_again(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with child(house, [["sounds good"]], bubble_seconds=2) as process:
        await event(process, "watching")
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await event(process, "approved")
    await house.sandbox.say(house.owner_id, anna.id, "it was!!")  # from the phone
    house.sandbox.faults.hold("GetHistory").release()  # Saved Messages
    history, missed = house.sandbox.faults.hold("GetHistory"), house.sandbox.faults.hold("GetDifference")
    async with child(house, [["sounds good"]], bubble_seconds=2) as process:
        await event(process, "started")
        await history.reached.wait()
        await settle(3)
        assert house.delivered() == []
        assert [s.state for s in house.suggestions()] == [State.PLANNED]
        history.release()
        await event(process, "cancelled")
    missed.release()
    assert house.delivered() == []


async def test_an_earlier_message_with_the_same_words_is_not_taken_for_a_lost_one(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with child(house, [["sounds good"]], bubble_seconds=0) as process:
        await event(process, "watching")
        hold = house.sandbox.faults.hold("SendMessage")
        for sender, to, text in (
            (house.owner_id, anna.id, "sounds good"),
            (anna.id, house.owner_id, "great"),
            (house.owner_id, anna.id, "it's me"),
            (anna.id, house.owner_id, "lunch?"),
        ):
            await house.sandbox.say(sender, to, text)
        await asyncio.wait_for(hold.reached.wait(), 120)
    async with child(house, [["sounds good"]], bubble_seconds=0) as process:
        await event(process, "sent")
    assert house.delivered() == ["sounds good"]


async def test_nothing_is_sent_after_a_reconnection_before_the_chat_was_read_again(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.5) as house:
        anna, clock = person(house), HandClock()
        house.allow(anna.id, Mode.AUTO)
        async with house.running(now=clock):
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await approved(house, clock)
            await sandbox.stop()
            await sandbox.say(house.owner_id, anna.id, "it was!!")
            clock.forward(2)
            sandbox.faults.hold("GetHistory").release()
            history = sandbox.faults.hold("GetHistory")
            await sandbox.start()
            await history.reached.wait()
            await settle()
            assert house.delivered() == []
            history.release()
            await house.heard("cancelled")
        assert house.delivered() == []


async def test_typing_is_shown_every_five_seconds_at_most_and_only_while_a_bubble_is_coming(tmp_path: Path) -> None:
    clock = HandClock()
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.0) as house:

        def shown() -> list[str]:
            return [event.kind for event in sandbox.journal.events if event.kind in ("typing", "cancel")]

        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("a" + "h" * 200, "yes")]), now=clock):
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await approved(house, clock)
            await until(lambda: shown() == ["typing"])
            clock.forward(4.5)
            await settle(0.5)
            assert shown() == ["typing"], "it lasts"
            clock.forward(1)
            await until(lambda: shown() == ["typing", "typing"])
            # Eight seconds for the first bubble, one for the second.
            clock.forward(4)
            await house.heard("sent", times=2)
            await until(lambda: shown() == ["typing", "typing", "cancel"])
