"""Copies are found, exact and nearly so; what only resembles them is not taken for one."""

import random
import string
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import duplicates, prints
from data.duplicates import ALIKE, KEEP, _jaccard, _shingles, may_be_alike


def again(texts: list[str]) -> list[bool]:
    return duplicates.again(texts, prints.take(texts[::-1]))


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


def one_by_one(texts: list[str]) -> Iterator[bool]:
    """What a copy is, in few words: each text is compared with those that began a group and share a file with it."""
    taken, said, filed = prints.take(texts), Counter[str](), dict[int, str]()
    for text, files in zip(texts, taken.files.tolist(), strict=True):
        first = text
        if text not in said:
            met = {filed[file] for file in files if file in filed}
            known = sorted((taken.sizes[texts.index(other)], other) for other in met)
            close = (other for _, other in known if _jaccard(_shingles(text), _shingles(other)) >= ALIKE)
            if (first := next(close, text)) is text:
                filed |= {file: text for file in files if file and file not in filed}
        said[first] += 1
        yield said[first] > KEEP


@pytest.mark.parametrize("seed", range(60))
def test_copies_found_in_columns_are_those_found_one_by_one(seed: int) -> None:
    """One text turns into another step by step: each is alike to its neighbours, the first is not to the last."""
    chance = random.Random(seed)
    one, *others = (sentence(chance, 12) for _ in range(3))
    texts = [chance.choice(others)[:place] + one[place:] for place in chance.choices(range(70), k=40)]
    assert again(texts) == list(one_by_one(texts))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.text("ab \U0001f600", min_size=1, max_size=300),
    st.integers(0, 300),
    st.text("ac", max_size=9),
    st.integers(0, 4),
)
def test_no_text_that_is_alike_is_dismissed_unseen(text: str, place: int, put_in: str, taken: int) -> None:
    near = text[:place] + put_in + text[place + taken :] or "a"
    other, itself = may_be_alike(prints.take([text, near]), np.zeros(2, int), np.array([1, 0]))
    assert other or _jaccard(_shingles(text), _shingles(near)) < ALIKE
    assert itself
