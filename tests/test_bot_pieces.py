"""Nothing is refused for its length: what is too long goes out as several messages, and words stay whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pieces import LONGEST, pieces, units
from bot.policy import Mode
from sandbox.call import MESSAGE_LIMIT
from tests.household import Household, person, review

WORDS = st.text(st.characters(exclude_categories=("Z", "C")) | st.sampled_from("👍👩‍🚀"), min_size=1, max_size=9)


@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "\n", " \n\n "])), max_size=40), st.integers(18, 60))
def test_every_word_stands_whole_in_one_message_in_order_and_none_is_too_long(
    text: list[tuple[str, str]], longest: int
) -> None:
    whole = "".join(word + gap for word, gap in text)
    cut = pieces(whole, longest)
    assert [word for piece in cut for word in piece.split()] == whole.split()
    assert all(units(piece) <= longest for piece in cut)
    assert cut == [piece.strip() for piece in cut]
    assert len(cut) == 1 or "" not in cut


@pytest.mark.parametrize("text", ["a" * 50, "👍" * 50, "tiny " + "b" * 50])
def test_only_a_word_that_no_message_can_hold_is_cut_and_never_within_a_character(text: str) -> None:
    cut = pieces(text, 15)
    assert "".join(cut) == text.replace(" ", "")
    assert max(map(units, cut)) <= 15


@pytest.mark.parametrize(
    ("text", "cut"), [("one two\nthree", ["one two", "three"]), ("one two three", ["one two", "three"])]
)
def test_a_line_break_is_the_first_choice(text: str, cut: list[str]) -> None:
    assert pieces(text, 11) == cut


def test_as_long_as_telegram_allows_is_not_cut() -> None:
    assert LONGEST == MESSAGE_LIMIT
    assert pieces("x" * LONGEST) == ["x" * LONGEST]
    assert [units(piece) for piece in pieces("👍" * (LONGEST // 2 + 1))] == [LONGEST, 2]


async def test_a_reply_that_is_too_long_for_one_message_arrives_whole_in_several(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    words = " ".join(f"plum{'s' * (n % 7)}" for n in range(1200))
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "edit", [words, "and that was the jam"])
        await house.heard("sent", times=4)
    assert " ".join(house.delivered()) == f"{words} and that was the jam"
    assert len(house.delivered()) == 4
