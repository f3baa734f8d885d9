"""Texts to token ids, in which nothing is a control token; of many texts each distinct word is tokenised once.

People say the same words over and over. Taking a text word by word is exact where a tokenizer never looks across a
space: where its ids of a text are those of the words, each with the space before it, one after the other. Byte-level
BPE is so (GPT-2, Llama 3, Qwen, SmolLM); `Spelling.apart` asks the tokenizer itself.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = list[int]
Numbers = NDArray[np.intc]
Places = NDArray[np.int64]
_BETWEEN = "\0"
_SPACE = ord(" ")
_AT_ITS_END = 1
_FIRST = np.array([2 ** (8 * count) - 1 for count in range(9)], np.uint64)
"""What of eight letters, as a number whose lowest byte is the first, is left of so many."""
_MOST = 200_000
"""Words that are remembered, some 30 MB; beyond that it begins anew."""
_SIDES = ("a", "Zz", "é", "я", "中", "ب", "7", "42", "!", "...", "'", "'s", "…", "😀", "e\u0301", "_", "\\n", "<|", '"')
"""What stands beside a space, of each kind that pre-tokenizers tell apart."""
_ACROSS = re.compile("[^ĠĊĉč▁ ][Ġ▁ ]")
"""A space after something that is none, as vocabularies write them."""


class Spelling:
    """Spells with one tokenizer, without its control tokens."""

    def __init__(self, tokenizer: Any, special: frozenset[int]) -> None:
        self._special = special
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        self._tokenizer = tokenizer if self._backend is None else None
        self.portable = self._backend is not None
        """Whether another process can have it without all that the tokenizer came from."""

    def ids(self, texts: list[str]) -> list[Ids]:
        """The ids of each text. A small vocabulary may lack rare bytes, and its stand-in for the unknown is a control
        token too: left out."""
        if not texts:
            return []
        backend = self._backend
        if self._tokenizer is not None:
            encoded = self._tokenizer(
                texts, add_special_tokens=False, split_special_tokens=True, return_attention_mask=False
            )["input_ids"]
        else:  # the same without offsets, masks and their lists
            backend.no_truncation()
            backend.no_padding()
            backend.encode_special_tokens = True
            encoded = [each.ids for each in backend.encode_batch_fast(texts, add_special_tokens=False)]
        return [ids if self._special.isdisjoint(ids) else [i for i in ids if i not in self._special] for ids in encoded]

    @cached_property
    def apart(self) -> bool:
        """Whether the ids of a text are those of its words: no token of the vocabulary reaches over a space, and on
        either side of one the same is written as without the other side, whatever stands there."""
        from tokenizers.models import BPE

        backend = self._backend
        if backend is None or not isinstance(backend.model, BPE) or backend.model.dropout:
            return False
        added = [token for token in backend.get_added_tokens_decoder().values() if not token.special]
        if any(" " in token.content or token.rstrip for token in added):
            return False
        if any(map(_ACROSS.search, backend.get_vocab(with_added_tokens=False))):
            return False
        pairs = list(product(_SIDES, _SIDES))
        before, after = self.ids([left for left, _ in pairs]), self.ids([f" {right}" for _, right in pairs])
        whole = self.ids([f"{left} {right}" for left, right in pairs])
        return whole == [left + right for left, right in zip(before, after, strict=True)]


class _Numbering(dict[str | int, int]):
    """Numbers words as they come."""

    def __missing__(self, word: str | int) -> int:
        self[word] = number = len(self)
        return number


class Words:
    """Remembers how words are spelled, from one part of a dataset to the next. Each has a number, and what is done with
    many of them is done with arrays of these."""

    def __init__(self, spelling: Spelling, parts: Sequence[Ids] = ()) -> None:
        """`parts` are ids that have the first numbers, whatever they spell."""
        self._spelling, self._parts = spelling, parts
        self._begin()

    def _begin(self) -> None:
        self._known = _Numbering({part: part for part in range(len(self._parts))})
        self._odd = np.zeros(len(self._parts), np.uint8)
        """See `_odd`."""
        self._ids, self._starts = np.zeros(0, np.intc), np.zeros(0, np.int64)
        self.sizes: Places = np.zeros(0, np.int64)
        """How many ids each has."""
        self._spell(self._parts)

    @property
    def portable(self) -> bool:
        """Whether another process can have them without all that the tokenizer came from."""
        return self._spelling.portable

    def numbers(self, texts: Sequence[str]) -> tuple[Numbers, Places]:
        """The words of these texts, one text behind the other, and where each begins. Spelled they are what
        `Spelling.ids` gives."""
        if len(self._known) > _MOST:
            self._begin()
        joined = _BETWEEN.join(texts)
        if not self._spelling.apart or joined.count(_BETWEEN) != len(texts) - 1:
            return self._numbered(texts), np.arange(len(texts))
        raw = joined.encode()
        letters = np.frombuffer(raw, np.uint8)
        gaps = np.flatnonzero((letters == _SPACE) | (letters == 0))
        spaces = letters[gaps] == _SPACE
        starts, ends = np.append(0, gaps + ~spaces), np.append(gaps, len(letters))  # a space belongs to what follows
        begins = np.append(0, np.flatnonzero(~spaces) + 1)
        some, which = _different(letters, starts, ends)
        words = zip(starts[some].tolist(), ends[some].tolist(), strict=True)
        known = self._numbered([raw[start:end].decode() for start, end in words])
        numbers = known[which]
        if self._odd[known].any():  # in such a text spaces are not just between words
            odd, lasts = self._odd[numbers], np.append(begins[1:], len(numbers)) - 1
            odd[lasts[odd[lasts] == _AT_ITS_END]] = 0
            whole = np.unique(np.searchsorted(begins, np.flatnonzero(odd), "right") - 1)
            sizes = np.diff(begins, append=len(numbers))
            (nothing,) = self._numbered([""])
            numbers[stretches(begins[whole], sizes[whole])] = nothing
            numbers[begins[whole]] = self._numbered([texts[each] for each in whole.tolist()])
        return numbers, begins

    def ids(self, numbers: Numbers) -> Numbers:
        """The ids of these words, one behind the other."""
        return self._ids[stretches(self._starts[numbers], self.sizes[numbers])]

    def _numbered(self, words: Sequence[str]) -> Numbers:
        numbers = np.fromiter(map(self._known.__getitem__, words), np.intc, len(words))
        if new := [str(word) for word in islice(self._known, len(self.sizes), None)]:
            self._odd = np.append(self._odd, np.array([*map(_odd, new)], np.uint8))
            self._spell(self._spelling.ids(new))
        return numbers

    def _spell(self, spelled: Sequence[Ids]) -> None:
        sizes = np.fromiter(map(len, spelled), np.int64, len(spelled))
        self._starts = np.append(self._starts, len(self._ids) + np.cumsum(sizes) - sizes)
        self._ids = np.append(self._ids, np.array([*chain.from_iterable(spelled)], np.intc))
        self.sizes = np.append(self.sizes, sizes)


def _odd(word: str) -> int:
    """0 for a word with no more space than one before it, `_AT_ITS_END` for one that only has a new line behind it,
    which is as good where nothing follows."""
    bare = word.removeprefix(" ")
    if word == "" or bare.split() == [bare]:
        return 0
    bare = bare.removesuffix("\n")
    return _AT_ITS_END if bare.split() == [bare] else _AT_ITS_END + 1


def _different(letters: NDArray[np.uint8], starts: Places, ends: Places) -> tuple[Places, Places]:
    """Where each different one of these words stands among them, and of each word which of these it is. Eight letters
    are compared at a time, as one number: a value of Python's for each word takes half as long again."""
    eights = np.ndarray((len(letters) + 1,), "<u8", np.append(letters, np.zeros(8, np.uint8)), strides=(1,))
    lengths = ends - starts

    def names(words: Places, read: int) -> Places:
        """Numbers of the next eight letters of these words, the same where they are the same."""
        next_ = eights[starts[words] + read] & _FIRST[np.minimum(lengths[words] - read, 8)]
        return np.unique(next_, return_inverse=True)[1]

    which = names(np.arange(len(starts)), 0)
    count = which.max() + 1
    for read in range(8, int(lengths.max()), 8):
        longer = np.flatnonzero(lengths > read)
        _, pairs = np.unique(which[longer] << 32 | names(longer, read), return_inverse=True)
        which[longer] = count + pairs
        count += pairs.max() + 1
    stands = np.full(count, -1)
    stands[which] = np.arange(len(which))
    is_one = stands >= 0
    return stands[is_one], (np.cumsum(is_one) - 1)[which]


def stretches(starts: Places, lengths: Places) -> Places:
    """The places of many stretches, one stretch behind the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
