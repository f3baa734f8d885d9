"""A text is spelled word by word only where that is the same, and then it is the same."""

from functools import cache
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import training_models as models
from tests.test_training_templates import CHATML, tokenizer
from training.encode import Encoder
from training.spelling import Spelling, Words

TEXT = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("😀’…<|\\'e\u0301"), max_size=8)
SPACE = st.sampled_from(
    [" ", " ", " ", "  ", "   ", "\t", "\u00a0", "\n", " \n ", "\u2028", "\x1c", "\0", " '", "'s ", ". "]
)


def bpe(*merges: tuple[str, str], normalizer: Any = None, **pre: Any) -> Spelling:
    """A tokenizer of one token a byte, and what these merges make."""
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*alphabet, *("".join(merge) for merge in merges)]
    backend = Tokenizer(BPE({token: index for index, token in enumerate(vocabulary)}, list(merges)))
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **pre})
    return Spelling(PreTrainedTokenizerFast(tokenizer_object=backend), frozenset())


def spelled(spelling: Spelling, texts: list[str]) -> list[list[int]]:
    words = Words(spelling)
    numbers, begins = words.numbers(texts)
    bounds = [*begins.tolist(), len(numbers)]
    return [words.ids(numbers[begin:end]).tolist() for begin, end in pairwise(bounds)]


@cache
def _small_models() -> Spelling:
    return Encoder(models.tokenizer()).spelling


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(TEXT | SPACE, max_size=8).map("".join), max_size=8))
def test_word_by_word_a_text_is_spelled_as_a_whole(texts: list[str]) -> None:
    spelling = _small_models()
    assert spelling.apart
    assert spelled(spelling, texts) == spelling.ids(texts)


def test_words_that_begin_alike_are_told_apart() -> None:
    texts = [" ".join(ascii_lowercase[:size] + end for size in range(1, 26)) for end in ("", "!", "?", "я")]
    assert spelled(_small_models(), texts) == _small_models().ids(texts)


def test_a_new_line_matters_only_where_a_space_may_join_it() -> None:
    spelling = bpe(("Ċ", "Ġ"), use_regex=False)
    assert spelling.apart
    texts = ["a\n b", "a b\n", "c b\n", "\n", "a\nb c", "b\n\n"]
    assert spelled(spelling, texts) == spelling.ids(texts)
    words = Words(spelling)
    numbers, _ = words.numbers(["a b\n", "c b\n"])
    assert words.sizes[numbers].tolist() == [1, 3, 1, 3], "word by word"


def test_a_tokenizer_that_looks_across_spaces_is_given_whole_texts() -> None:
    from tokenizers.normalizers import Prepend

    assert bpe(("a", "b"), ("Ġ", "a")).apart
    over = bpe(("a", "Ġ"), ("aĠ", "b"), use_regex=False)
    prefixed = bpe(normalizer=Prepend("_"))
    assert not over.apart, "it has a token for `a b`"
    assert not prefixed.apart, "it writes a mark before each text"
    for spelling in (over, prefixed):
        assert spelled(spelling, ["a b a", "b"]) == spelling.ids(["a b a", "b"])


@pytest.mark.parametrize("mark", [{"rstrip": True}, {"content": "<a b>"}])
def test_an_added_token_that_swallows_a_space_is_looked_at(mark: dict[str, Any]) -> None:
    from tokenizers import AddedToken

    made = tokenizer(CHATML, ("<|im_start|>", "<|im_end|>"))
    assert Spelling(made, frozenset()).apart
    made.add_tokens([AddedToken(**{"content": "<x>", "special": False, "normalized": False, **mark})])
    assert not Spelling(made, frozenset()).apart
