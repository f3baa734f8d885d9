"""What may not be kept (protected, seen once, vanishing) leaves no word behind, but that somebody wrote it counts."""

from collections.abc import Callable
from functools import partial

import pytest

from bot.policy import Mode
from bot.suggestion import State
from sandbox import media
from tests.fakes import RecordedGenerator
from tests.household import Household, person, review, settle, told, until
from tests.terminal import everything_in
from tests.test_bot_hearing import only_by_reading

ONCE: Callable[..., object] = partial(media.photo, ttl=10)


@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize("approved", [True, False])
async def test_a_photo_that_is_seen_once_ends_what_waits_in_that_chat(
    house: Household, mine: bool, approved: bool
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running(RecordedGenerator([("sounds good",)])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        sender, peer = (house.owner_id, anna.id) if mine else (anna.id, house.owner_id)
        await house.sandbox.say(sender, peer, "wordfound", media=ONCE)
        await house.heard("owner_answered" if mine else "withheld")
        if approved:
            assert not house.suggestions(State.OFFERED), "there is nothing left to approve"
            with pytest.raises(ValueError, match="unpack"):
                review(house, "approve")
        await settle()
    assert house.delivered() == []
    assert [each.state for each in house.suggestions()] == [State.OWNER_ANSWERED if mine else State.SUPERSEDED]
    assert None not in house.outcomes().values()
    assert b"wordfound" not in everything_in(house.home.path)


async def test_words_of_danger_under_a_photo_that_is_seen_once_reach_the_owner(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "i want to kill myself", media=ONCE)
        await house.heard("withheld")
        await settle()
    assert len([text for text in told(house) if "needs you now" in text]) == 1
    assert house.delivered(anna.id) == []
    assert b"kill myself" not in everything_in(house.home.path)


@pytest.mark.parametrize("mine", [True, False])
async def test_what_was_withheld_while_nobody_ran_counts_once_it_is_read(house: Household, mine: bool) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        pass
    asked = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
    sender, peer = (house.owner_id, anna.id) if mine else (anna.id, house.owner_id)
    seen_once = await house.sandbox.say(sender, peer, "wordfound", media=ONCE)
    only_by_reading(house)
    async with house.running():
        await until(lambda: house.outcomes().get((anna.id, asked)) is not None)
        await settle()
    assert house.delivered() == []
    expected = {asked: "owner_answered"} if mine else {asked: "withheld", seen_once: "withheld"}
    assert {number: house.outcomes()[anna.id, number] for number in expected} == expected
    assert b"wordfound" not in everything_in(house.home.path)
    async with house.running():
        before = len(house.events)
        await settle()
        assert "withheld" not in {event["event"] for event in house.events[before:]}, "told once"
