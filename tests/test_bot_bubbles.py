"""The rows of what is sent: whatever happens to them, in whatever order, each suggestion comes to one end and stays
there, and no message of a chat is counted for two of them."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.bubbles import LONGEST, Bubbles
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.silence import silence
from bot.suggestion import ARROWS, OPEN, State, Suggestion
from data.message import Message
from data.rhythm import Gaps

ANNA, UPTO = 1, 7
NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ENDS = {state for state in State if not ARROWS.get(state)} | {State.UNKNOWN}
"""An unknown delivery may be cleared up later, but nothing waits for that."""


@pytest.fixture
def bubbles(tmp_path: Path) -> Iterator[Bubbles]:
    live = LiveDb(tmp_path / "live.db")
    yield Bubbles(live, lambda: NOW)
    live.close()


def suggested(bubbles: Bubbles, *texts: str, upto_id: int = UPTO) -> Suggestion:
    return bubbles.suggestions.add(
        dialog_id=ANNA,
        upto_id=upto_id,
        attempt=bubbles.suggestions.attempts(ANNA, upto_id),
        mode=Mode.ASK,
        texts=texts,
        confidence=0.5,
        outcome="pass",
        reasons=[],
        adapter="a",
        answers=[],
        now=NOW,
    )


def approved(bubbles: Bubbles, *texts: str, upto_id: int = UPTO) -> Suggestion:
    suggestion = bubbles.suggestions.move(suggested(bubbles, *texts, upto_id=upto_id), State.APPROVED, NOW)
    assert suggestion
    return suggestion


def state(bubbles: Bubbles, suggestion: Suggestion) -> State:
    found = bubbles.suggestions.get(suggestion.id)
    assert found
    return found.state


def own(message_id: int, text: str, at: datetime = NOW) -> Message:
    return Message(ANNA, message_id, True, at, text)


STEPS = (
    "offer",
    "approve",
    "plan",
    "attempt",
    "sent",
    "refused",
    "unknown",
    "postpone",
    "cancel",
    "silence",
    "restart",
)


def act(bubbles: Bubbles, step: str, ids: Iterator[int]) -> None:
    """Let the owner, the sender, Telegram or another process do one thing, if there is anything to do it to."""
    live, suggestions = bubbles.live, bubbles.suggestions
    sending, planned = bubbles.sending(), bubbles.next()
    match step:
        case "offer":
            suggestions.move(suggested(bubbles, "one", "two", upto_id=next(ids)), State.OFFERED, NOW)
        case "approve":
            for each in suggestions.in_state(State.OFFERED):
                suggestions.move(each, State.APPROVED, NOW)
        case "plan":
            for each in suggestions.in_state(State.APPROVED, State.EDITED):
                bubbles.plan(each)
        case "attempt" if planned and not sending:
            bubbles.attempt(planned[0])
        case "sent" if sending:
            bubbles.sent(sending[0].id, next(ids))
        case "refused" | "unknown" if sending:
            bubbles.end(sending[0], "unknown" if step == "unknown" else "cancelled")
        case "postpone" if sending:
            bubbles.postpone(sending[0], NOW)
        case "cancel" if planned:
            bubbles.cancel(planned[0].suggestion_id)
        case "silence":
            silence(live, ANNA, NOW)
        case "restart":
            for suggestion_id in bubbles.begun():
                bubbles.cancel(suggestion_id)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), max_size=24), st.sampled_from(("sent", "refused", "unknown")))
def test_every_suggestion_ends_in_exactly_one_state_whatever_interrupts_it(steps: list[str], last: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        live = LiveDb(Path(folder) / "live.db")
        bubbles, ids = Bubbles(live, lambda: NOW), iter(range(1, 1000))
        ended: dict[int, State] = {}
        for step in [*steps, last, "silence", last]:
            act(bubbles, step, ids)
            for each in bubbles.suggestions.in_state(*ENDS):
                assert ended.setdefault(each.id, each.state) is each.state, f"it ended twice, at {step}"
        assert bubbles.suggestions.in_state(*(set(State) - ENDS)) == [], "something waits for ever"
        assert live.db.execute("SELECT count(*) FROM outbox WHERE state IN ('planned', 'sending')").fetchone()[0] == 0
        live.close()


SILENCED = {
    State.PENDING: State.SUPERSEDED,
    State.HELD: State.SUPERSEDED,
    State.OFFERED: State.SUPERSEDED,
    State.APPROVED: State.CANCELLED,
    State.PLANNED: State.CANCELLED,
}


@pytest.mark.parametrize("at", SILENCED)
def test_silencing_ends_what_waits_and_what_is_planned(bubbles: Bubbles, at: State) -> None:
    suggestion = suggested(bubbles, "one", "two")
    if at in OPEN[1:]:
        bubbles.suggestions.move(suggestion, at, NOW)
    elif at is not State.PENDING:
        moved = bubbles.suggestions.move(suggestion, State.APPROVED, NOW)
        assert moved
        assert at is State.APPROVED or bubbles.plan(moved)
    assert silence(bubbles.live, ANNA, NOW) == 1
    assert state(bubbles, suggestion) is SILENCED[at]


def test_silencing_between_two_bubbles_ends_the_reply_as_sent(bubbles: Bubbles) -> None:
    suggestion = approved(bubbles, "one", "two")
    bubbles.plan(suggestion)
    (first,) = bubbles.next()
    bubbles.attempt(first)
    bubbles.sent(first.id, 8)
    assert state(bubbles, suggestion) is State.SENDING
    silence(bubbles.live, ANNA, NOW)
    assert state(bubbles, suggestion) is State.SENT


def test_silencing_while_a_bubble_is_on_the_wire_leaves_its_end_to_the_answer(bubbles: Bubbles) -> None:
    suggestion = approved(bubbles, "one", "two")
    bubbles.plan(suggestion)
    (first,) = bubbles.next()
    bubbles.attempt(first)
    silence(bubbles.live, ANNA, NOW)
    assert state(bubbles, suggestion) is State.SENDING
    bubbles.sent(first.id, 8)
    assert state(bubbles, suggestion) is State.SENT


def test_one_message_is_never_counted_for_two_bubbles(bubbles: Bubbles) -> None:
    for upto_id in (7, 8):
        bubbles.plan(approved(bubbles, "ok", upto_id=upto_id))
    for bubble in bubbles.next():
        assert bubbles.attempt(bubble)
    first = bubbles.awaiting(own(9, "ok"))
    assert first
    bubbles.sent(first.id, 9)
    assert bubbles.awaiting(own(9, "ok")) is None
    second = bubbles.awaiting(own(10, "ok"))
    assert second
    assert second.id != first.id


def test_what_stood_there_before_a_bubble_was_sent_is_not_that_bubble(bubbles: Bubbles) -> None:
    bubbles.plan(approved(bubbles, "ha", "ha"))
    (first,) = bubbles.next()
    bubbles.attempt(first)
    assert bubbles.awaiting(own(UPTO - 1, "ha")) is None, "older than what it answers"
    assert bubbles.awaiting(Message(ANNA, 9, False, NOW, "ha")) is None, "the other side"
    assert bubbles.awaiting(own(9, "ha!")) is None, "other words"
    assert bubbles.awaiting(own(9, " ha")) == bubbles.sending()[0], "Telegram trims"
    bubbles.sent(first.id, 9)
    (second,) = bubbles.next()
    bubbles.attempt(second)
    assert bubbles.awaiting(own(8, "ha")) is None, "older than the bubble before it"


# --- how long they take


@pytest.mark.parametrize(
    ("least", "gaps", "after"),
    [
        (1.5, None, (1.5, 4.0)),
        (1.5, Gaps((0.1, 0.5, 0.9), (2.0, 6.0, 14.0)), (1.5, 6.0)),
        (1.5, Gaps((0.1, 0.5, 0.9), (0.0, 0.5, 14.0)), (1.5, 1.5)),
        (1.5, Gaps((0.1, 0.5, 0.9), (2.0, 600.0, 900.0)), (1.5, LONGEST)),
        (0.0, Gaps((0.1, 0.5, 0.9), (2.0, 6.0, 14.0)), (0.0, 0.0)),
    ],
)
def test_later_bubbles_follow_in_the_owners_rhythm_within_bounds(
    tmp_path: Path, least: float, gaps: Gaps | None, after: tuple[float, float]
) -> None:
    class Even(random.Random):
        def random(self) -> float:
            return 0.5

    with closing(LiveDb(tmp_path / "live.db")) as live:
        bubbles = Bubbles(live, lambda: NOW, least, Even(1), gaps)
        assert bubbles.plan(approved(bubbles, "one", "y" * 100))
        due = [row[0] - NOW.timestamp() for row in live.db.execute("SELECT due_at FROM outbox ORDER BY id")]
    assert due == pytest.approx([after[0], sum(after)])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"quantiles": [0.5], "bubble_seconds": {"n": 3, "at": [2]}}'])
def test_without_a_rhythm_that_can_be_used_there_is_a_plain_default(tmp_path: Path, text: str) -> None:
    assert Gaps.of(tmp_path) is None
    (tmp_path / "rhythm.json").write_text(text)
    assert Gaps.of(tmp_path) is None


def test_a_gap_lies_between_two_quantiles() -> None:
    gaps = Gaps((0.1, 0.5, 0.9), (2.0, 6.0, 14.0))
    assert [gaps.draw(chance) for chance in (0.0, 0.3, 0.5, 0.7, 1.0)] == pytest.approx([2.0, 4.0, 6.0, 10.0, 14.0])


def test_of_one_reply_no_bubble_is_next_while_an_earlier_one_is_on_the_wire(bubbles: Bubbles) -> None:
    assert bubbles.plan(approved(bubbles, "one", "two"))
    other = approved(bubbles, "elsewhere", upto_id=UPTO + 1)
    assert bubbles.plan(other)
    first = bubbles.attempt(bubbles.next()[0])
    assert first
    assert [each.text for each in bubbles.next()] == ["elsewhere"]
    bubbles.sent(first.id, UPTO + 5)
    assert [each.text for each in bubbles.next()] == ["two", "elsewhere"]
