"""Texts to token ids, in which nothing is a control token; of many texts each distinct word is tokenised once.

People say the same words over and over. Taking a text word by word is exact where a tokenizer never looks across a
space: where its ids of a text are those of the words, each with the space before it, one after the other. Byte-level
BPE is so (GPT-2, Llama 3, Qwen, SmolLM); `Spelling.apart` asks the tokenizer itself.
"""

import re
from array import array
from collections.abc import Iterable
from functools import cached_property
from itertools import islice, product
from typing import Any

Ids = list[int]
BYTES = array("i").itemsize
"""Of an id in a run of them."""
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
        else:  # the same without offsets, masks and their lists, in half the time
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


class Words:
    """Remembers how words are spelled, from one part of a dataset to the next. Ids are runs of bytes here, as an
    `array("i")` holds them: put together without a value per id."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._known: dict[str, bytes] = {}

    @property
    def portable(self) -> bool:
        """Whether another process can have them without all that the tokenizer came from."""
        return self._spelling.portable

    def ids(self, texts: Iterable[str]) -> dict[str, bytes]:
        """The ids of each text, those that `Spelling.ids` gives."""
        plain, whole = list[str](), list[str]()
        for text in texts:
            (plain if self._spelling.apart and " ".join(text.split()) == text else whole).append(text)
        ids = dict(zip(whole, self._runs(whole), strict=True))
        # Plain: one space between two words, and no other. All at once, for a call per text takes longer than its work.
        words = "\n".join(plain).replace(" ", "\n ").split("\n")
        self._learn(set(words))
        spelled = map(self._known.__getitem__, words)
        for text in plain:
            ids[text] = b"".join(islice(spelled, text.count(" ") + 1))
        return ids

    def _learn(self, words: set[str]) -> None:
        if len(self._known) > _MOST:
            self._known = {}
        new = list(words - self._known.keys())
        self._known |= zip(new, self._runs(new), strict=True)

    def _runs(self, texts: list[str]) -> Iterable[bytes]:
        return (array("i", ids).tobytes() for ids in self._spelling.ids(texts))
