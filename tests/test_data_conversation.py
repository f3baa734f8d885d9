"""Where a conversation ends, what one turn is, and how both are cut to size."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.conversation import PAUSE, SILENCE, conversations, length_of, tail, turns, windows
from data.message import Message

NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def talk(*says: tuple[str, timedelta], start: datetime = NOON) -> list[Message]:
    """`("me: hi", pause before)` each; a name other than me is the contact."""
    messages: list[Message] = []
    at = start
    for number, (line, pause) in enumerate(says):
        who, _, text = line.partition(": ")
        at += pause
        messages.append(
            Message(
                1, number + 1, who in ("me", "twin", "fwd"), at, text, by_twin=who == "twin", forwarded=who == "fwd"
            )
        )
    return messages


def texts(parts: list[tuple[Message, ...]]) -> list[str]:
    return [" ".join(message.text for message in part) for part in parts]


SOON, LATER = timedelta(seconds=10), timedelta(minutes=10)

says = st.lists(
    st.tuples(
        st.tuples(st.sampled_from(["me", "her", "twin"]), st.text("abc ", min_size=1, max_size=40)).map(": ".join),
        st.sampled_from([SOON, LATER, timedelta(minutes=50)]),
    ),
    min_size=1,
    max_size=25,
)


def test_three_days_and_two_minutes_are_a_silence_although_their_seconds_are_few() -> None:
    messages = talk(("her: hi", SOON), ("her: anyone?", timedelta(days=3, minutes=2)))
    assert texts(conversations(messages)) == ["hi", "anyone?"]
    assert texts(turns(talk(("her: hi", SOON), ("her: anyone?", timedelta(days=3, seconds=2))))) == ["hi", "anyone?"]


def test_a_conversation_lasts_until_nobody_wrote_for_an_hour() -> None:
    almost = SILENCE - timedelta(seconds=1)
    assert texts(conversations(talk(("her: a", SOON), ("me: b", almost), ("her: c", SILENCE)))) == ["a b", "c"]
    assert conversations([]) == []


def test_a_turn_lasts_until_the_other_side_speaks_or_a_pause() -> None:
    almost = PAUSE - timedelta(seconds=1)
    messages = talk(("her: a", SOON), ("her: b", almost), ("her: c", PAUSE), ("me: d", SOON), ("me: e", SOON))
    assert texts(turns(messages)) == ["a b", "c", "d e"]


def test_what_the_twin_wrote_and_what_was_forwarded_are_turns_of_their_own() -> None:
    messages = talk(("me: a", SOON), ("twin: b", SOON), ("me: c", SOON), ("fwd: d", SOON))
    assert texts(turns(messages)) == ["a", "b", "c", "d"]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(says, st.integers(1, 200))
def test_windows_hold_every_message_exactly_once_as_fresh(lines: list[tuple[str, timedelta]], limit: int) -> None:
    messages = talk(*lines)
    fresh = [message for window, at in windows(messages, limit) for message in window[at:]]
    assert fresh == messages


@settings(max_examples=150, derandomize=True, deadline=None)
@given(says, st.integers(1, 200))
def test_a_window_is_a_stretch_of_the_talk_with_its_context_before_it(
    lines: list[tuple[str, timedelta]], limit: int
) -> None:
    messages = talk(*lines)
    done = 0
    for window, at in windows(messages, limit):
        assert list(window) == messages[done - at : done - at + len(window)]
        assert length_of([window[:at]]) <= limit // 3
        assert length_of([window]) <= limit or len(turns(window[at:])) == 1
        done += len(window) - at


@settings(max_examples=150, derandomize=True, deadline=None)
@given(says)
def test_a_talk_that_fits_is_one_window_and_that_is_what_is_seen_live(lines: list[tuple[str, timedelta]]) -> None:
    messages = talk(*lines)
    limit = length_of([tuple(messages)])
    assert windows(messages, limit) == [(tuple(messages), 0)]
    assert tail(messages, limit) == tuple(messages)
    assert tail(messages, limit - 1) != tuple(messages) or len(turns(messages)) == 1


def test_the_tail_is_whole_turns_of_the_last_talk_that_fit() -> None:
    messages = talk(
        ("her: before", SOON), ("me: aaaa", 2 * SILENCE), ("her: bb", SOON), ("her: cc", SOON), ("me: dd", SOON)
    )
    assert [message.text for message in tail(messages, 100)] == ["aaaa", "bb", "cc", "dd"]
    assert [message.text for message in tail(messages, 9)] == ["bb", "cc", "dd"]
    assert [message.text for message in tail(messages, 8)] == ["dd"]
    assert tail([], 100) == ()


def test_the_newest_turn_is_seen_however_long_it_is() -> None:
    assert [message.text for message in tail(talk(("her: a", SOON), ("me: " + "b" * 50, SOON)), 10)] == ["b" * 50]
