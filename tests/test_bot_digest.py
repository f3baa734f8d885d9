"""The digest: names and counts, in Saved Messages, at most once for each date whatever restarts or clocks do. The clock
is an argument; the server is real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.clocks import Clocks
from bot.control import Control
from bot.digest import Digest
from bot.gate import Gate
from bot.outbox import Outbox
from bot.policy import Mode, Policy
from bot.suggestion import State
from data.telegram import connect
from sandbox.small import ALMA, BRUNO, CARLA
from tests.fakes import HandClock, RecordedGenerator, unsure
from tests.household import Household, review, until

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)  # the clocks change in the night that follows


def digests(house: Household) -> list[str]:
    """What lies in Saved Messages."""
    return [line.text for line in house.sandbox.texts(house.owner_id) if line.text.startswith("Your twin")]


@asynccontextmanager
async def begun(house: Household, clock: HandClock) -> AsyncIterator[Digest]:
    """A digest at nine in the evening, as a process that has just started has it."""
    async with connect(house.login, updates=True) as client:
        with house.archive() as archive, house.live() as live:
            policy, control = Policy(live, house.settings.live, BERLIN), Control(live)
            gate = Gate(archive, policy, control, timedelta(hours=3))
            outbox = Outbox(client, live, archive, gate, house.emit, Clocks(clock))
            yield Digest(time(21), live, outbox, policy, control)


async def test_it_comes_once_for_each_date_over_restarts_days_off_and_clocks_that_jump(house: Household) -> None:
    clock = HandClock(NOON)
    days: list[int] = []

    async def at(day: int, hour: int, minute: int = 0) -> None:
        """Set the clock, start anew, and look twice."""
        clock.moment = (NOON + timedelta(days=day)).replace(hour=hour, minute=minute)
        before = len(digests(house))
        async with begun(house, clock) as digest:
            await digest.step()
            await digest.step()
        days.extend([day] * (len(digests(house)) - before))

    await at(0, 12)
    assert days == [], "the first one is due when the time comes for the first time"
    await at(0, 20, 59)
    await at(0, 21)
    await at(0, 23)
    await at(1, 20, 59)
    await at(1, 21, 30)
    await at(0, 21, 30)  # a day back
    await at(1, 22)  # and forward
    await at(5, 8)  # nothing ran for days
    await at(5, 23)
    assert days == [0, 1, 5]
    await at(400, 22)  # a clock that was far ahead
    await at(6, 22)
    await at(7, 22)
    assert days == [0, 1, 5, 400, 7]


async def test_a_lost_answer_or_a_refusal_never_makes_it_two(house: Household) -> None:
    clock = HandClock(NOON)
    async with begun(house, clock) as digest:
        await digest.step()
        clock.forward(10 * 3600)
        house.sandbox.faults.flood("SendMessageRequest", 30)
        await digest.step()
        await digest.step()
        assert house.sandbox.calls["SendMessageRequest"] == 1, "what Telegram wants to wait for is waited for"
        assert digests(house) == []
        house.sandbox.faults.lose_answer("SendMessageRequest")
    for _ in range(3):  # a process that does not know what became of it
        clock.forward(61)
        async with begun(house, clock) as digest:
            await digest.step()
    assert len(digests(house)) == 1


async def test_it_names_chats_and_counts_what_happened_there_without_a_word_of_theirs(house: Household) -> None:
    house.allow(ALMA, Mode.ASK)
    house.allow(BRUNO, Mode.AUTO)
    async with house.running(RecordedGenerator([("sounds plumtree",)])):
        for number, decide in enumerate((("approve",), ("edit", ["better marzipan"]), ("skip",)), 1):
            await house.sandbox.say(ALMA, house.owner_id, f"lunch was nightboat {number}")
            await until(lambda: bool(house.suggestions(State.OFFERED, State.HELD)))
            assert review(house, *decide)
            if decide[0] != "skip":
                await house.heard("sent", times=number)
        await house.sandbox.say(BRUNO, house.owner_id, "are you there?")
        await house.heard("sent", dialog=BRUNO)
    house.allow(CARLA, Mode.AUTO)
    async with house.running(confidence=unsure):
        await house.sandbox.say(CARLA, house.owner_id, "hello?")
        await house.heard("offered", dialog=CARLA)
    async with begun(house, HandClock()) as digest:
        digest.control.pause()
        text = digest.text(0.0, datetime(2026, 3, 28, 21, 0, tzinfo=BERLIN))
        assert text.splitlines() == [
            "Your twin, Sat 28 Mar, paused:",
            "Alma Reyes: 3 messages, 1 as you approved, 1 in your version, 1 skipped",
            "Bruno Okafor: 1 message, 1 answered by itself",
            "Carla: 1 message, 1 waiting for you",
        ]
        assert digest.text(4e9, NOON).splitlines()[1:] == ["Carla: 0 messages, 1 waiting for you"]


async def test_run_begins_it_only_with_a_time_and_a_yes(house: Household) -> None:
    evening = house.settings.live.model_copy(update={"digest": "00:00"})
    house.settings = house.settings.model_copy(update={"live": evening})
    for agreed in (False, True):
        if agreed:
            (house.home.path / "agreed.json").write_text('{"digest": ["Saved Messages"]}')
        async with house.running():
            if agreed:
                await until(lambda: begun_on(house))
        assert begun_on(house) is agreed


def begun_on(house: Household) -> bool:
    with house.live() as live:
        return live.db.execute("SELECT 1 FROM switches WHERE name = 'digest'").fetchone() is not None
