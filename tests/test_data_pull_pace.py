"""How fast Telegram is asked, on a clock that only this test moves, against buckets that the pace does not know."""

from dataclasses import dataclass, field

import pytest

from data.pull import Pace
from data.pull.pace import HARMLESS


@dataclass
class Clock:
    moment: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    def pace(self, ceiling: float) -> Pace:
        return Pace(ceiling, now=lambda: self.moment, sleep=self.sleep)


@dataclass
class Bucket:
    """As many requests as have flowed in; one too many is refused, and so is every one before the wait is over."""

    rate: float
    burst: int
    wait: int
    left: float = 0
    last: float = 0.0
    until: float = 0.0
    early: int = 0

    def __post_init__(self) -> None:
        self.left = self.burst

    def takes(self, now: float) -> bool:
        if now < self.until:
            self.early += 1
            return False
        self.left = min(self.burst, self.left + (now - self.last) * self.rate)
        self.last = now
        if self.left < 1:
            self.until = now + self.wait
            return False
        self.left -= 1
        return True


async def run(bucket: Bucket, ceiling: float, requests: int) -> tuple[float, int]:
    """Seconds and waits until so many requests were answered."""
    clock = Clock()
    pace = clock.pace(ceiling)
    waits = answered = 0
    while answered < requests:
        await pace.turn()
        if bucket.takes(clock.moment):
            answered += 1
            pace.answered()
        else:
            waits += pace.refused(bucket.wait)
    return clock.moment, waits


async def test_it_begins_near_one_request_a_second_and_goes_up_to_the_ceiling() -> None:
    clock = Clock()
    pace = clock.pace(4.0)
    gaps = []
    for _ in range(12):
        before = clock.moment
        await pace.turn()
        gaps.append(clock.moment - before)
        pace.answered()
    assert gaps[0] == 0
    assert 0.6 < gaps[1] <= 1
    assert gaps == sorted(gaps[:1]) + sorted(gaps[1:], reverse=True)
    assert gaps[-4:] == pytest.approx([0.25] * 4)


async def test_while_telegram_says_wait_nothing_goes_out_whoever_asks() -> None:
    clock = Clock()
    pace = clock.pace(4.0)
    await pace.turn()
    assert pace.refused(30)
    assert not pace.refused(30), "one that was on its way meets the same wait"
    await pace.turn()
    assert clock.moment >= 30


@pytest.mark.parametrize("burst", [1, 3, 5, 20])
async def test_a_slow_server_costs_two_waits_and_less_than_a_plain_loop(burst: int) -> None:
    bucket = Bucket(1.0, burst, 3)
    seconds, waits = await run(bucket, 50.0, 300)
    assert waits <= 2
    assert seconds <= 300 / HARMLESS / 0.9
    assert bucket.early == 0


async def test_a_fast_server_is_used_for_the_most_part() -> None:
    bucket = Bucket(12.0, 20, 3)
    seconds, waits = await run(bucket, 50.0, 320)
    assert waits <= 3
    assert 320 / seconds >= 0.7 * 12
    assert bucket.early == 0


async def test_what_other_methods_answer_says_nothing_of_the_one_that_is_refused() -> None:
    clock = Clock()
    pace = clock.pace(50.0)
    for method in ("dialogs", "history") * 10:
        await pace.turn()
        pace.answered(method)
    pace.refused(3, "history")
    for method in ("dialogs", "dialogs", "dialogs", "history"):
        await pace.turn()
        pace.answered(method)
    pace.refused(3, "history")
    assert pace.rate == HARMLESS, "one answer in four seconds, and not four"


async def test_a_method_that_was_not_slowed_down_takes_no_turn_of_the_one_that_was() -> None:
    clock = Clock()
    pace = clock.pace(50.0)
    await pace.turn("history")
    pace.refused(3, "history")
    await pace.turn("history")
    before = clock.moment
    await pace.turn("profile")
    assert clock.moment == before
    await pace.turn("profile")
    assert clock.moment >= before + 1


async def test_the_ceiling_holds_whatever_the_server_bears() -> None:
    seconds, waits = await run(Bucket(1000.0, 1000, 3), 4.0, 400)
    assert waits == 0
    assert seconds >= 99


async def test_after_a_long_quiet_time_a_little_more_is_tried() -> None:
    clock = Clock()
    pace = clock.pace(50.0)
    for _ in range(2):
        for _ in range(20):
            await pace.turn()
            pace.answered()
        pace.refused(3)
    held = pace.rate
    for _ in range(int(200 * held)):
        await pace.turn()
        pace.answered()
    assert pace.rate == held
    for _ in range(int(200 * held)):
        await pace.turn()
        pace.answered()
    assert pace.rate == pytest.approx(1.05 * held)
