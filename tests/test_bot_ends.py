"""How a running client ends when it cannot go on: at once, with a sentence, and nothing sent that it could not note."""

import resource
from asyncio.subprocess import PIPE
from collections.abc import Callable

import pytest

from bot import account
from bot.desk import Desk
from bot.policy import Mode
from bot.suggestion import State
from data.errors import ExitCode, UserError
from tests.household import Household, person, review
from tests.terminal import ended
from tests.test_bot_crash import child, event


def log_out(house: Household) -> None:
    house.sandbox.log_out(house.owner_id)


def lose_the_key(house: Household) -> None:
    house.sandbox.logins.clear()


def be_crowded(house: Household) -> None:
    house.sandbox.faults.crowded = 99


ENDS: list[tuple[Callable[[Household], None], ExitCode, str]] = [
    (log_out, ExitCode.NOT_LOGGED_IN, "This login has ended on Telegram's side.\n  Run: doppelgram login\n"),
    (lose_the_key, ExitCode.NOT_LOGGED_IN, "This login is no longer known there.\n  Run: doppelgram login\n"),
    (
        be_crowded,
        ExitCode.FLOOD,
        "Telegram takes no more connections of this account for now.\n  Run it again in a few",
    ),
]


@pytest.mark.parametrize(("how", "code", "told"), ENDS)
async def test_a_login_that_is_ended_or_turned_away_while_it_runs_stops_it_with_a_code_and_a_word(
    house: Household, how: Callable[[Household], None], code: ExitCode, told: str
) -> None:
    house.allow(person(house).id, Mode.ASK)
    async with child(house, [["sounds good"]], bubble_seconds=0, stderr=PIPE) as process:
        await event(process, "watching")
        how(house)
        await house.sandbox.restart()  # as Telegram drops the connections of a login that was ended
        await event(process, "stopped")
        end = (await ended(process)).failed(code)
    assert end.err.startswith(told)
    with Desk.at(house.settings, house.home) as desk:
        assert account.has_ended(desk) == (code is ExitCode.NOT_LOGGED_IN), "so that status and doctor know"


async def test_what_goes_wrong_in_its_first_question_is_a_sentence(house: Household) -> None:
    house.sandbox.faults.flood("GetState", 60, times=9)
    with pytest.raises(UserError, match="wait 60 s"):
        async with house.running():
            pass


async def test_a_full_disk_stops_it_before_anything_is_sent_that_could_not_be_noted(house: Household) -> None:
    """No file of the process may grow any more: for the program it is as if the disk were full."""
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with child(house, [["sounds good"]], bubble_seconds=0, stderr=PIPE) as process:
        await event(process, "watching")
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await event(process, "offered")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        assert review(house, "approve")
        end = (await ended(process)).failed(ExitCode.ERROR)
    assert "The disk is full." in end.err
    assert house.delivered() == []
    assert [each.state for each in house.suggestions()] == [State.APPROVED]
    async with house.running():
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]
