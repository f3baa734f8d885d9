"""Whoever stops the twin in the middle of a reply, and however: what is on its way comes to one end, and no more is
said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.control import Control
from bot.policy import Mode, Policy
from bot.silence import silence
from bot.suggestion import State
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import HandClock, RecordedGenerator
from tests.household import Household, approved, household, now, person, until

INTERRUPTIONS = ("pause", "off", "silence", "the owner answers", "a newer message", "an edit", "a restart")


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Household]:
    """A house whose twin types for a while between two bubbles."""
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.5) as house:
        house.allow(person(house).id, Mode.AUTO)
        yield house


async def interrupt(house: Household, how: str, asked: int) -> None:
    anna = person(house)
    match how:
        case "pause" | "off" | "silence":
            with house.live() as live:
                if how == "pause":
                    Control(live).pause()
                elif how == "off":
                    Policy(live, house.settings.live).set_mode(anna, Mode.OFF, now())
                else:
                    silence(live, anna.id, now())
        case "the owner answers":
            await house.sandbox.say(house.owner_id, anna.id, "me again")
        case "a newer message":
            await house.sandbox.say(anna.id, house.owner_id, "wait, something else")
        case "an edit":
            await house.sandbox.edit(asked, "dinner was awful")


def first_ended(house: Household) -> bool:
    return house.suggestions()[0].state is State.SENT


@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_a_reply_that_is_interrupted_between_two_bubbles_ends_as_sent_without_its_rest(
    slow: Household, how: str
) -> None:
    clock = HandClock()
    async with slow.running(RecordedGenerator([("one", "two"), ("three",)]), now=clock):
        asked = await slow.sandbox.say(person(slow).id, slow.owner_id, "lunch was great")
        await approved(slow, clock)
        clock.forward(1.5)
        await slow.heard("sent")
        await interrupt(slow, how, asked)
        if how != "a restart":
            await until(lambda: first_ended(slow))
    async with slow.running():
        await until(lambda: first_ended(slow))
    assert slow.delivered()[:2] in (["one"], ["one", "three"]), "and a newer message may be answered"


@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_a_reply_that_is_interrupted_on_the_wire_ends_as_sent_without_its_rest(slow: Household, how: str) -> None:
    hold = slow.sandbox.faults.hold_answer("SendMessage")
    clock = HandClock()
    async with slow.running(RecordedGenerator([("one", "two"), ("three",)]), now=clock):
        asked = await slow.sandbox.say(person(slow).id, slow.owner_id, "lunch was great")
        await approved(slow, clock)
        clock.forward(1.5)
        await hold.reached.wait()
        await interrupt(slow, how, asked)
        if how != "a restart":
            hold.release()
            await until(lambda: first_ended(slow))
    async with slow.running():
        await until(lambda: first_ended(slow))
    assert slow.delivered()[:2] in (["one"], ["one", "three"]), "and a newer message may be answered"
