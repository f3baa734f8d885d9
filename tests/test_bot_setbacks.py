"""A model that fails: it starts anew, nothing is lost, nothing is said twice, and the owner hears of it once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.policy import Mode
from bot.setbacks import LONGEST, Setbacks
from data.errors import UserError
from data.transcript import Transcript
from tests.fakes import RecordedCandidate, RecordedGenerator
from tests.household import Household, person, told


@dataclass(slots=True)
class Failing(RecordedGenerator):
    """Fails so many times, then answers."""

    times: int = 2
    error: Exception = field(default_factory=lambda: RuntimeError("CUDA error: lunch was great"))

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> list[RecordedCandidate]:
        if self.times:
            self.times -= 1
            raise self.error
        return RecordedGenerator.reply(self, transcript, n, seed, dialog=dialog, stop=stop)


async def test_after_a_crash_of_the_model_the_worker_starts_anew_and_the_turn_is_answered_once(
    house: Household,
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = Failing(times=2)
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("sent")
    assert generator.restarted == 2
    assert house.delivered() == ["sounds good"]
    assert set(house.outcomes().values()) == {"suggested"}
    assert told(house) == []
    troubles = [event for event in house.events if event["event"] == "trouble"]
    assert troubles == [{"event": "trouble", "dialog": anna.id, "error": "RuntimeError"}] * 2, "no words of the chat"


async def test_a_model_that_goes_on_failing_is_told_to_the_owner_once_and_the_turn_waits(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = Failing(times=4, error=UserError("The model server 127.0.0.1:9 does not answer.", "Start it."))
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("trouble", times=3)
        await house.heard("trouble", times=4)
        assert set(house.outcomes().values()) == {None}
        await house.heard("sent")
    (notice,) = told(house)
    assert "does not answer" in notice
    assert house.delivered() == ["sounds good"]


async def test_another_chat_does_not_wait_for_one_that_was_set_back(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.AUTO)
    house.allow(boris.id, Mode.AUTO)
    async with house.running(Failing(times=1)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("trouble", dialog=anna.id)
        await house.sandbox.say(boris.id, house.owner_id, "dinner too")
        await house.heard("sent", dialog=boris.id)
        await house.heard("sent", dialog=anna.id)


def test_each_try_waits_longer_than_the_last_up_to_a_minute_and_a_success_forgets_it() -> None:
    setbacks, now = Setbacks(), datetime(2026, 3, 3, tzinfo=UTC)
    for _ in range(40):
        setbacks.met(1, now)
        assert setbacks.waits(1, now)
        assert not setbacks.waits(2, now)
    assert setbacks.waits(1, now + LONGEST - timedelta(milliseconds=1))
    assert not setbacks.waits(1, now + LONGEST)
    assert not setbacks.waits(1, now - timedelta(hours=1)), "our clock was set back"
    setbacks.over(1)
    assert (setbacks.waits(1, now), setbacks.in_a_row) == (False, 0)
