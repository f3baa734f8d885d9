"""Which verb comes next."""

from dataclasses import replace

from bot.status import Status, _next

WAITING = Status(
    logged_in=True,
    account="Robin Vale",
    messages=10,
    chats=1,
    consented=1,
    samples=5,
    adapter="2026-11-28-1",
    mode_counts={"draft": 1},
    paused=False,
    pending=2,
    in_boxes=1,
    waiting=[],
    limited_until=None,
    companion=None,
    running=True,
    busy=None,
    next="",
)


def test_review_comes_next_where_something_waits_that_is_not_decided_in_telegram() -> None:
    assert _next(WAITING, True) == "doppelgram review"


def test_what_lies_in_input_boxes_is_no_reason_to_review() -> None:
    assert _next(replace(WAITING, pending=1), True) == "doppelgram run"
