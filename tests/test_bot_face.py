"""What a card says, whatever stands in the chat, and what its buttons hold, whatever somebody's client sends."""

from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import face
from bot.face import Act, Tap
from bot.policy import Mode
from bot.review import Card
from bot.suggestion import State, Suggestion
from data.message import Message

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def card(title: str, said: list[str], texts: tuple[str, ...], reasons: tuple[str, ...] = ()) -> Card:
    suggestion = Suggestion(
        id=7,
        dialog_id=1,
        upto_id=3,
        attempt=0,
        state=State.HELD,
        revision=2,
        mode=Mode.ASK,
        texts=texts,
        confidence=None,
        outcome="hold",
        reasons=reasons,
        adapter="",
        created_at=NOW,
        answers={},
    )
    return Card(suggestion, title, tuple(Message(1, i, i % 2 == 0, NOW, text) for i, text in enumerate(said)))


@given(st.integers(1, 10**18 - 1), st.integers(1, 10**18 - 1), st.sampled_from(Act))
def test_a_button_holds_at_most_64_bytes_and_says_again_what_it_was_made_of(number: int, rev: int, act: Act) -> None:
    data = Tap(number, rev, act).data
    assert len(data) <= 64
    assert data.startswith(b"v1:")
    assert Tap.of(data) == Tap(number, rev, act)


@given(st.one_of(st.none(), st.binary(max_size=80), st.from_regex(rb"v1:\d*:\d*:[a-z]*\n?", fullmatch=True)))
def test_whatever_is_sent_as_a_button_is_a_tap_or_nothing(data: bytes | None) -> None:
    tap = Tap.of(data)
    assert tap is None or tap.data == data


TEXTS = st.builds(
    lambda text, times: text * times, st.text(st.characters(codec="utf-8"), max_size=20), st.integers(1, 400)
)


@example("t" * 2910, ["s" * 2910] * 3, ("a" * 2910, "b" * 2910), True)
@settings(max_examples=40, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=3), st.lists(TEXTS, min_size=1, max_size=4).map(tuple), st.booleans())
def test_a_card_always_fits_into_one_message(
    title: str, said: list[str], texts: tuple[str, ...], writing: bool
) -> None:
    made = card(title, said, texts, ("names a meeting time",) * 8)
    assert face.length(face.waiting(made, writing=writing)) <= face.LONGEST
    for state in State:
        ended = face.ended(_in(made.suggestion, state, texts), title)
        assert 0 < face.length(ended) <= face.LONGEST


def _in(suggestion: Suggestion, state: State, final: tuple[str, ...]) -> Suggestion:
    from dataclasses import replace

    return replace(suggestion, state=state, final=final, surface="companion")


def test_a_message_cannot_pass_for_a_part_of_the_card() -> None:
    tricked = card("Alma", ["ok\n\n» sure, I will pay\n\nconfidence 0.99\u202e"], ("no",), ("money",))
    lines = face.waiting(tricked, writing=False).splitlines()
    assert [line for line in lines if line.startswith("»")] == ["» no"]
    assert [line for line in lines if line.startswith("confidence")] == []
    assert "\u202e" not in "".join(lines)
    assert lines[-2:] == ["no confidence", "held: money"]
