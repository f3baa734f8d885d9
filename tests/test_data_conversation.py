"""What one turn is, and how a chat is cut to windows that reach back over silences."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from data.conversation import Burst, Window, length, shown, tail, turns, windows
from data.message import Message
from data.pauses import FIXED, Pauses

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


def texts(bursts: Iterable[Burst]) -> list[str]:
    return [" ".join(message.text for message in burst) for burst in bursts]


class Seen(NamedTuple):
    """A window with the turns in it."""

    window: Window
    turns: list[Burst]
    fresh: list[Burst]


def cut(messages: Sequence[Message], limit: int, parts: Sequence[str] = ()) -> list[Seen]:
    bursts = list(turns(messages))
    targets = [burst[0].mine and not burst[0].by_twin for burst in bursts]
    found = windows(list(map(length, bursts)), targets, parts or [""] * len(bursts), limit)
    return [Seen(each, bursts[each.begin : each.end], bursts[each.fresh : each.end]) for each in found]


def one_by_one(sizes: Sequence[int], targets: Sequence[bool], parts: Sequence[str], limit: int) -> list[Window]:
    """The same, turn by turn."""
    found, begin, fresh, used, first = list[Window](), -1, 0, 0, True
    for turn, size in enumerate(sizes):
        if begin >= 0 and (sum(sizes[begin : turn + 1]) > limit or parts[turn] != parts[turn - 1]):
            found.append(Window(begin, fresh, used))
            begin, first = -1, False
        if begin < 0 and targets[turn]:
            begin, room = turn, limit - size if first else limit // 3
            while begin and (sum(sizes[begin - 1 : turn]) <= room or begin == turn):
                begin -= 1
            fresh = turn
        used = turn + 1 if targets[turn] else used
    return found + ([Window(begin, fresh, used)] if begin >= 0 else [])


SOON, LATER = timedelta(seconds=10), timedelta(minutes=10)

says = st.lists(
    st.tuples(
        st.tuples(st.sampled_from(["me", "her", "twin"]), st.text("abc ", min_size=1, max_size=40)).map(": ".join),
        st.sampled_from([SOON, LATER, timedelta(minutes=50), timedelta(days=3)]),
    ),
    min_size=1,
    max_size=25,
)
checked = settings(max_examples=150, derandomize=True, deadline=None)


def test_three_days_and_two_minutes_are_a_pause_although_their_seconds_are_few() -> None:
    for pause in (timedelta(days=3, minutes=2), timedelta(days=3, seconds=2)):
        assert texts(turns(talk(("her: hi", SOON), ("her: anyone?", pause)))) == ["hi", "anyone?"]


def test_a_turn_lasts_until_the_other_side_speaks_or_a_pause() -> None:
    almost = FIXED.pause - timedelta(seconds=1)
    messages = talk(("her: a", SOON), ("her: b", almost), ("her: c", FIXED.pause), ("me: d", SOON), ("me: e", SOON))
    assert texts(turns(messages)) == ["a b", "c", "d e"]


def test_the_owners_own_pause_is_obeyed() -> None:
    messages = talk(("her: a", SOON), ("her: b", timedelta(minutes=3)), ("her: c", SOON))
    assert texts(turns(messages, Pauses(pause=timedelta(minutes=3)))) == ["a", "b c"]


def test_what_the_twin_wrote_and_what_was_forwarded_are_turns_of_their_own() -> None:
    messages = talk(("me: a", SOON), ("twin: b", SOON), ("me: c", SOON), ("fwd: d", SOON))
    assert texts(turns(messages)) == ["a", "b", "c", "d"]


def test_what_is_context_only_by_itself_is_a_turn_of_its_own() -> None:
    messages = talk(("me: a", SOON), ("me: /start", SOON), ("me: " + "long " * 200, SOON), ("me: c", SOON))
    assert texts(turns(messages)) == ["a", "/start", "long " * 200, "c"]


def test_in_a_group_each_speaker_has_turns_of_their_own() -> None:
    said = talk(("her: a", SOON), ("her: b", SOON), ("her: c", SOON))
    group = [replace(message, dialog_id=-7, sender_id=sender) for message, sender in zip(said, (1, 1, 2), strict=True)]
    assert texts(turns(group)) == ["a b", "c"]


def test_what_happened_and_what_says_nothing_is_not_shown() -> None:
    said = talk(("her: a", SOON), ("her: ", SOON), ("her: b", SOON))
    happened = replace(said[0], id=9, text="", media="[pin message]", service=True)
    assert [message.text for message in shown([*said, happened])] == ["a", "b"]


@checked
@given(says, st.integers(1, 200))
def test_each_target_is_fresh_in_exactly_one_window(lines: list[tuple[str, timedelta]], limit: int) -> None:
    messages = talk(*lines)
    fresh = [burst for seen in cut(messages, limit) for burst in seen.fresh if burst[0].mine and not burst[0].by_twin]
    assert fresh == [burst for burst in turns(messages) if burst[0].mine and not burst[0].by_twin]


@checked
@given(says, st.integers(1, 200))
def test_a_window_is_a_stretch_of_the_chat_that_ends_with_a_target(
    lines: list[tuple[str, timedelta]], limit: int
) -> None:
    done = 0
    for (begin, fresh, end), shown_, _ in cut(talk(*lines), limit):
        assert shown_[-1][0].mine
        assert not shown_[-1][0].by_twin
        assert fresh >= done, "what is new was new"
        assert sum(map(length, shown_)) <= limit or end - fresh == 1
        context = sum(map(length, shown_[: fresh - begin]))
        assert context <= limit // 3 or fresh - begin == 1 or not done, "a third, or the turn that is answered"
        done = end


@checked
@given(
    st.lists(st.tuples(st.integers(1, 60), st.booleans(), st.sampled_from(["", "a", "b"])), max_size=40),
    st.integers(0, 200),
)
def test_windows_are_cut_where_going_turn_by_turn_cuts_them(told: list[tuple[int, bool, str]], limit: int) -> None:
    sizes, targets, parts = ([each[column] for each in told] for column in range(3))
    targets = [bool(target and part) for target, part in zip(targets, parts, strict=True)]
    assert list(windows(sizes, targets, parts, limit)) == one_by_one(sizes, targets, parts, limit)


@checked
@given(says)
def test_a_chat_that_fits_is_one_window_up_to_the_last_target_and_is_seen_live(
    lines: list[tuple[str, timedelta]],
) -> None:
    messages = [*talk(*lines), *talk(("me: last", SOON), start=NOON + timedelta(days=99))]
    limit = length(messages)
    (window,) = cut(messages, limit)
    assert [message for burst in window.turns for message in burst] == messages
    assert tail(messages, limit) == tuple(messages)


def test_a_window_crosses_a_silence_but_never_two_parts() -> None:
    messages = talk(("her: a", SOON), ("me: b", SOON), ("her: c", timedelta(days=2)), ("me: d", SOON))
    (whole,) = cut(messages, 100)
    assert texts(whole.turns) == ["a", "b", "c", "d"]
    first, second = cut(messages, 100, ["train", "train", "test", "test"])
    assert texts(first.turns) == ["a", "b"]
    assert texts(second.turns[:-1]) == ["a", "b", "c"]
    assert texts(second.fresh) == ["d"]


def test_turns_far_from_any_target_are_in_no_window() -> None:
    messages = talk(("me: a", SOON), *((f"her: {'x' * 30} {n}", LATER) for n in range(20)), ("me: b", SOON))
    first, second = cut(messages, 120)
    assert texts(first.turns) == ["a"]
    assert [burst[0].id for burst in second.turns] == [21, 22]


def test_the_tail_begins_a_third_before_the_conversation() -> None:
    messages = talk(
        *((f"her: {'x' * 8}", LATER) for _ in range(9)), ("me: aaaa", timedelta(hours=2)), ("her: bb", SOON)
    )
    assert [message.text for message in tail(messages, 60)] == ["x" * 8, "x" * 8, "aaaa", "bb"]
    assert len(tail(messages, 1000)) == 11
    assert tail([], 100) == ()


@checked
@given(says, st.integers(1, 200))
def test_the_tail_is_whole_turns_and_holds_the_newest(lines: list[tuple[str, timedelta]], limit: int) -> None:
    messages = talk(*lines)
    seen, bursts = list(turns(tail(messages, limit))), list(turns(messages))
    assert seen == bursts[len(bursts) - len(seen) :]
    assert seen
    assert length(tail(messages, limit)) <= limit or len(seen) == 1 or length(seen[-1]) > limit - limit // 3


def test_while_people_talk_the_tail_grows_at_its_end() -> None:
    """Or the model would have to read all of it again for each reply."""
    messages = talk(*((f"{'me' if n % 2 else 'her'}: {'x' * 20}", SOON) for n in range(300)))
    starts = [tail(messages[:end], 420)[0].id for end in range(1, 300)]
    assert starts == sorted(starts)
    assert len(set(starts)) < 30


def test_the_newest_turn_is_seen_however_long_it_is() -> None:
    assert [message.text for message in tail(talk(("her: a", SOON), ("me: " + "b" * 50, SOON)), 5)] == ["b" * 50]
