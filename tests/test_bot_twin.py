"""What the twin decides: the owner always wins, and when in doubt it asks."""

import threading
from pathlib import Path

import pytest

from bot.control import Control
from bot.policy import Mode, Policy
from bot.suggestion import State
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import HandClock, RecordedGenerator
from tests.household import Household, household, now, paused, person, settle, until


async def test_the_owner_answering_from_the_phone_ends_the_suggestion(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("owner_answered")
    (suggestion,) = house.suggestions()
    assert (suggestion.state, suggestion.final) == (State.OWNER_ANSWERED, ("it was!!",))
    assert house.delivered() == []


async def test_the_owner_answering_stops_a_reply_in_the_making(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await until(lambda: bool(generator.asked))
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("owner_answered")
        await settle()
    assert generator.stopped == 1
    assert house.delivered() == []
    assert set(house.outcomes().values()) == {"owner_answered"}


@pytest.mark.parametrize("switch", ["live.db", "a file"])
async def test_pause_from_another_process_stops_a_reply_in_the_making_and_survives_a_restart(
    house: Household, switch: str
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await until(lambda: bool(generator.asked))
        if switch == "a file":
            (house.home.path / "PAUSE").touch()
        else:
            with house.live() as live:
                Control(live).pause()
        await until(lambda: generator.stopped > 0)
    async with house.running():
        await settle()
        assert house.delivered() == []
        with house.live() as live:
            Control(live).resume(now())
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]


async def test_the_owner_pauses_from_saved_messages_and_nobody_else_can(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        elsewhere = await house.sandbox.say(house.owner_id, anna.id, ".twin pause")
        await house.sandbox.say(anna.id, house.owner_id, ".twin pause")
        await house.heard("sent")
        assert not paused(house)
        assert house.sandbox.post(elsewhere).text == ".twin pause", "nobody else reads an answer"
        await house.sandbox.say(house.owner_id, house.owner_id, ".twin pause")
        await until(lambda: paused(house))


async def test_without_a_measured_confidence_of_a_half_or_more_auto_asks(house: Household) -> None:
    anna, sureness = person(house), iter((None, 0.49, 0.5))
    house.allow(anna.id, Mode.AUTO)
    async with house.running(confidence=lambda _candidate, _siblings: next(sureness)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review", because="no confidence without a measured adapter")
        await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
        await house.heard("offered", surface="review", because="confidence below the threshold")
        assert house.delivered() == []
        await house.sandbox.say(anna.id, house.owner_id, "the soup most of all")
        await house.heard("sent")


async def test_without_an_adapter_auto_asks(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(adapter=None):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.delivered() == []


async def test_what_is_never_automatic_is_held_and_a_crisis_tells_the_owner_at_once(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "i want to kill myself")
        await house.heard("held")
        await settle()
    assert house.delivered() == []
    notices = [d for d in house.sandbox.journal.deliveries if d.peer_id == house.owner_id and d.via_session is not None]
    assert len(notices) == 1


async def test_what_comes_while_another_chat_is_answered_waits_to_be_quiet_like_any_other(house: Household) -> None:
    """Both were quiet at the same look; what was so of the second when the first began counts no more."""
    anna, boris, clock, gate = person(house), person(house, 1), HandClock(), threading.Event()
    for each in (anna, boris):
        house.allow(each.id, Mode.ASK)
    generator = RecordedGenerator(gate=gate)
    async with house.running(generator, now=clock):
        for each in (anna, boris):
            await house.sandbox.say(each.id, house.owner_id, "lunch was great")
        await house.heard("incoming", times=2)
        clock.forward(1)
        await until(lambda: len(generator.asked) == 1)
        await house.sandbox.say(boris.id, house.owner_id, "and dinner too")
        await house.heard("incoming", times=3)
        gate.set()
        await house.heard("offered", dialog=anna.id)
        await settle(0.5)
        assert len(generator.asked) == 1
        clock.forward(1)
        await house.heard("offered", dialog=boris.id)
    assert len(generator.asked) == 2
    assert generator.asked[1].turns[-1].texts[-2:] == ("lunch was great", "and dinner too")


async def test_after_many_replies_without_the_owner_auto_asks(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, in_a_row=2) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("first thing",), ("second thing",), ("third thing",)])):
            for number in (1, 2):
                await sandbox.say(anna.id, house.owner_id, f"lunch was great {'!' * number}")
                await house.heard("sent", times=number)
            await sandbox.say(anna.id, house.owner_id, "really")
            await house.heard("offered", because="many replies without the owner")
            await sandbox.say(house.owner_id, anna.id, "it's me now")
            await house.heard("owner_answered")
            await sandbox.say(anna.id, house.owner_id, "oh hi")
            await house.heard("sent", times=3)


async def test_the_expiry_of_auto_is_seen_by_a_running_client(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    with house.live() as live:
        live.db.execute("UPDATE policy SET set_at = set_at - 8 * 86400")
        assert Policy(live, house.settings.live).mode(anna.id, now()) is Mode.ASK
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.delivered() == []
