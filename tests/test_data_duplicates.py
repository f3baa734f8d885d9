"""Copies are found, exact and nearly so; what only resembles them is not taken for one."""

import random
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from data.duplicates import ALIKE, KEEP, _alone, _jaccard, _may_be_alike, _prints, _Seen, _shingles, again


def sentence(chance: random.Random, words: int = 14) -> str:
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 8))) for _ in range(words))


def test_the_third_of_three_equal_texts_is_a_copy() -> None:
    text = "a text that is long enough to count"
    assert again([text] * 3) == [False, False, True]
    assert again([text] * 4 + ["quite another text that nobody wrote"]) == [False, False, True, True, False]
    assert again([]) == []


def test_nearly_all_near_copies_are_found() -> None:
    chance = random.Random(7)
    found = tried = 0
    for _ in range(400):
        text = sentence(chance)
        near = text.replace(text.split()[3], chance.choice(["zq", "xyzzy"]), 1)
        if _jaccard(_shingles(text), _shingles(near)) >= ALIKE:
            tried += 1
            found += again([*(sentence(chance) for _ in range(20)), *[text] * KEEP, near])[-1]
    assert tried > 100
    assert found / tried > 0.97


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.text("abcd \U0001f600", min_size=1, max_size=40), max_size=30), st.integers(0, 30))
def test_what_is_called_a_copy_has_two_alike_before_it(texts: list[str], first: int) -> None:
    together = again(texts)
    assert together[:first] == again(texts[:first]), "what comes later counts"
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
    files, known = _prints(texts)
    assert sum(_alone(texts, [files])) >= 20
    seen = _Seen()
    assert again(texts) == list(map(seen.again, known, files.tolist()))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.text("ab \U0001f600", min_size=1, max_size=300),
    st.integers(0, 300),
    st.text("ac", max_size=9),
    st.integers(0, 4),
)
def test_no_text_that_is_alike_is_dismissed_unseen(text: str, place: int, put_in: str, taken: int) -> None:
    near = text[:place] + put_in + text[place + taken :] or "a"
    _, (one, other) = _prints([text, near])
    assert _may_be_alike(one, other) or _jaccard(_shingles(text), _shingles(near)) < ALIKE
    assert _may_be_alike(one, one)
