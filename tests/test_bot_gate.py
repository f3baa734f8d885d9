"""What is answered must stand there as it was read, up to the moment of sending."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy import Mode, Policy
from bot.suggestion import State
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import HandClock
from tests.household import Household, approved, household, now, person, review, settle, until


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Household]:
    """A house whose twin types for a while, so that there is time between a decision and its sending."""
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.5) as house:
        yield house


def edit(house: Household, message_id: int) -> None:
    with house.archive() as archive:
        message = archive.message(person(house).id, message_id)
        assert message
        archive.save([replace(message, text="dinner was awful", edited_at=now())])


def unsend(house: Household, message_id: int) -> None:
    with house.archive() as archive:
        archive.delete(person(house).id, [message_id])


CHANGES: list[tuple[Callable[[Household, int], None], str]] = [
    (edit, "what it answers was edited"),
    (unsend, "what it answers was deleted"),
]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("change", "reason"), CHANGES)
async def test_a_reply_to_what_was_changed_after_it_was_approved_is_not_sent(
    slow: Household, change: Callable[[Household, int], None], reason: str, which: int
) -> None:
    """Found by a pull, say, before anybody told this client."""
    anna = person(slow)
    slow.allow(anna.id, Mode.AUTO)
    clock = HandClock()
    async with slow.running(now=clock):
        burst = [await slow.sandbox.say(anna.id, slow.owner_id, text) for text in ("lunch was great", "the soup!")]
        await approved(slow, clock, messages=2)
        change(slow, burst[which])
        await slow.heard("cancelled", reason=reason)
        clock.forward(2)
        await settle()
    assert slow.delivered() == []
    assert [s.state for s in slow.suggestions()] == [State.CANCELLED]


async def test_a_change_to_what_was_answered_before_stops_nothing(slow: Household) -> None:
    anna = person(slow)
    slow.allow(anna.id, Mode.AUTO)
    clock = HandClock()
    async with slow.running(now=clock):
        old = await slow.sandbox.say(anna.id, slow.owner_id, "are you there")
        await slow.sandbox.say(slow.owner_id, anna.id, "yep, here")
        await slow.sandbox.say(anna.id, slow.owner_id, "lunch was great")
        await approved(slow, clock, messages=2)
        edit(slow, old)
        clock.forward(2)
        await slow.heard("sent")
    assert slow.delivered() == ["sounds good"]


@pytest.mark.parametrize("how", ["quiet hours begin", "the chat is set to ask"])
async def test_an_automatic_reply_that_meets_a_limit_while_it_is_typed_waits_for_the_owner(
    tmp_path: Path, how: str
) -> None:
    clock = HandClock()
    start = clock() + timedelta(minutes=2)
    quiet = f"{start:%H:%M}-{start + timedelta(hours=2):%H:%M}" if "quiet" in how else ""
    async with (
        Sandbox(small_town()) as sandbox,
        household(sandbox, tmp_path, bubble_seconds=8.0, quiet_hours=quiet) as house,
    ):
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(now=clock):
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await approved(house, clock)
            if quiet:  # by the server's clock; ours may jump
                sandbox.town.clock.advance(150)
                clock.forward(150)
            else:
                with house.live() as live:
                    Policy(live, house.settings.live).set_mode(anna, Mode.ASK, clock())
            told = await house.heard("offered")
            assert told["because"] == (how.removesuffix(" begin") if quiet else "no longer automatic")
            assert review(house, "approve")
            await until(lambda: house.suggestions()[0].state is State.PLANNED)
            clock.forward(10)
            await house.heard("sent")
    assert house.delivered() == ["sounds good"]
