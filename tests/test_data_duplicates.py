"""Copies are found, exact and nearly so; what only resembles them is not taken for one."""

import random
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from data.duplicates import ALIKE, KEEP, Duplicates, _jaccard, _shingles, lone


def sentence(chance: random.Random, words: int = 14) -> str:
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 8))) for _ in range(words))


def test_the_third_of_three_equal_texts_is_a_copy() -> None:
    seen = Duplicates()
    assert seen.again(["a text that is long enough to count"] * 3) == [False, False, True]
    assert seen.again(["a text that is long enough to count", "quite another text that nobody wrote"]) == [True, False]
    assert seen.again([]) == []


def test_nearly_all_near_copies_are_found() -> None:
    chance = random.Random(7)
    found = tried = 0
    for _ in range(400):
        text = sentence(chance)
        near = text.replace(text.split()[3], chance.choice(["zq", "xyzzy"]), 1)
        if _jaccard(_shingles(text), _shingles(near)) >= ALIKE:
            tried += 1
            seen = Duplicates()
            seen.again([*(sentence(chance) for _ in range(20)), *[text] * KEEP])
            found += seen.again([near])[0]
    assert tried > 100
    assert found / tried > 0.97


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.text("abcd \U0001f600", min_size=1, max_size=40), max_size=30))
def test_what_is_called_a_copy_has_two_alike_before_it(texts: list[str]) -> None:
    together = Duplicates().again(texts)
    seen = Duplicates()
    assert together == [again for text in texts for again in seen.again([text])]
    for index, text in enumerate(texts):
        alike = [other for other in texts[:index] if _jaccard(_shingles(text), _shingles(other)) > 0.5]
        assert not together[index] or len(alike) >= KEEP
        assert together[index] or texts[:index].count(text) < KEEP


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.text("abcd \U0001f600", min_size=1, max_size=40), max_size=30), st.integers(0, 5))
def test_who_is_alone_is_no_copy_and_makes_none_of_another(texts: list[str], copies: int) -> None:
    chance = random.Random(7)
    near = [f"{sentence(random.Random(8))} {number}" for number in range(copies)]
    texts = [*texts, *(sentence(chance) for _ in range(20)), *texts[:copies], *near]
    alone = lone(texts)
    assert sum(alone) >= 20
    others = [text for text, one in zip(texts, alone, strict=True) if not one]
    again = iter(Duplicates().again(others))
    assert Duplicates().again(texts) == [False if one else next(again) for one in alone]
