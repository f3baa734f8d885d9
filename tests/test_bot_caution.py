"""Why a good reply waits for the owner: two machines talk, the owner is there, or there is something to look at."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.caution import Caution
from bot.policy import Mode
from data.message import Message
from data.pauses import FIXED
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import RecordedGenerator
from tests.household import Household, household, person, review, settle, told

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def history(*gaps: float) -> list[Message]:
    """Contact and twin in turns, beginning with the contact; `gaps` are the seconds before each message."""
    at, said = NOON, []
    for number, gap in enumerate(gaps):
        at += timedelta(seconds=gap)
        said.append(Message(5, number, number % 2 == 1, at, "hm", by_twin=number % 2 == 1))
    return said


def by_twin(messages: Iterable[Message]) -> set[int]:
    return {message.id for message in messages if message.by_twin}


def looks(messages: list[Message], automatic: set[int] | None = None, **limits: int) -> str | None:
    return Caution(**limits).loop(messages, by_twin(messages) if automatic is None else automatic)


@pytest.mark.parametrize(
    ("gaps", "why"),
    [
        ((60,) * 13, "many replies"),
        ((60,) * 11, None),
        ((60, 60, 5, 60, 5, 60, 5), "too quickly"),
        ((60, 60, 5, 60, 6, 60, 5), None),
        ((60, 60, 5, 60, 5), None),
        ((60, 60, 2, 60, 2, 60, 2, 60, 60), None),
    ],
)
def test_two_machines_are_told_by_their_number_of_turns_and_by_their_haste(
    gaps: tuple[float, ...], why: str | None
) -> None:
    found = looks(history(*gaps))
    assert (why in found) if why and found else found is why


def test_what_the_owner_approved_or_wrote_ends_a_loop_and_so_does_a_silence() -> None:
    talk = history(*(60,) * 13)
    assert looks(talk)
    assert not looks(talk, by_twin(talk) - {3}), "four since then"
    assert looks(talk, by_twin(talk) - {3}, in_a_row=4)
    silent = FIXED.silence.total_seconds()
    assert not looks(history(*(60,) * 11, silent, 60))


def test_bubbles_of_one_reply_are_one_turn() -> None:
    talk = [
        Message(5, number, number % 3 > 0, NOON + timedelta(minutes=number), "hm", by_twin=number % 3 > 0)
        for number in range(9)
    ]
    assert looks(talk, in_a_row=3)
    assert not looks(talk, in_a_row=4)


async def test_the_twin_tells_of_a_loop_once_and_goes_on_when_the_owner_has_approved(tmp_path: Path) -> None:
    replies = RecordedGenerator([(f"thing {n}",) for n in range(9)])
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(replies):
            for number in (1, 2, 3):
                await sandbox.say(anna.id, house.owner_id, f"lunch {'!' * number}")
                await house.heard("sent", times=number)
            sandbox.faults.refuse("SendMessageRequest", 500, "INTERNAL")  # the first word of it does not arrive
            for number in (1, 2, 3):
                await sandbox.say(anna.id, house.owner_id, f"really {'?' * number}")
                await house.heard("offered", times=number, because="answers that come too quickly for a person")
            await settle(0.5)
            assert [text for text in told(house) if "stopped answering" in text] == told(house)
            assert len(told(house)) == 1
            assert review(house, "approve")
            await house.heard("sent", times=4)
            await sandbox.say(anna.id, house.owner_id, "oh good")
            await house.heard("sent", times=5)


async def test_whoever_skips_a_reply_is_there_so_the_loop_is_over(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, in_a_row=1) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("one",), ("two",), ("three",)])):
            await sandbox.say(anna.id, house.owner_id, "lunch")
            await house.heard("sent")
            await sandbox.say(anna.id, house.owner_id, "really?")
            await house.heard("offered", because="many replies without the owner")
            assert review(house, "skip")
            await sandbox.say(anna.id, house.owner_id, "or not?")
            await house.heard("sent", times=2)


async def test_while_the_owner_is_there_auto_asks(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, owner_seconds=600) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running():
            await sandbox.say(house.owner_id, anna.id, "it's me")
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await house.heard("offered", because="the owner wrote here a moment ago")
    assert house.delivered() == []


@pytest.mark.parametrize(("media", "held"), [("photo", True), ("voice", True), (None, False)])
async def test_what_came_with_something_to_look_at_waits_for_the_owner(
    house: Household, media: str | None, held: bool
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "which one?", media=media)
        if held:
            await house.heard("offered", because="an attachment, which the twin cannot see")
        else:
            await house.heard("sent")
    assert house.delivered() == ([] if held else ["sounds good"])


def test_without_a_time_for_the_owner_no_clock_keeps_the_twin_out() -> None:
    """A message's date, by the server's clock, may lie ahead of ours."""
    talk = [Message(5, 1, True, NOON, "it's me"), Message(5, 2, False, NOON, "hi")]
    ahead = timedelta(seconds=-2)
    assert Caution(owner=timedelta(0)).against(talk, talk[1:], (), lambda _: ahead) is None
    assert Caution().against(talk, talk[1:], (), lambda _: ahead) == "the owner wrote here a moment ago"
