"""Texts to token ids, in which nothing is a control token; of many texts each distinct word is tokenised once.

People say the same words over and over. Taking a text word by word is exact where a tokenizer never looks across a
space: where its ids of a text are those of the words, each with the space before it, one after the other. Byte-level
BPE is so (GPT-2, Llama 3, Qwen, SmolLM); `Spelling.apart` asks the tokenizer itself.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import chain, product
from typing import Any

Ids = list[int]
_WORDS = re.compile(r" ?\S+").findall
_MOST = 200_000
"""Words that are remembered, some 50 MB; beyond that it begins anew."""
_SIDES = ("a", "Zz", "é", "я", "中", "ب", "7", "42", "!", "...", "'", "'s", "…", "😀", "e\u0301", "_", "\\n", "<|", '"')
"""What stands beside a space, of each kind that pre-tokenizers tell apart."""
_ACROSS = re.compile("[^ĠĊĉč▁ ][Ġ▁ ]")
"""A space after something that is none, as vocabularies write them."""


class Spelling:
    """Spells with one tokenizer, without its control tokens."""

    def __init__(self, tokenizer: Any, special: frozenset[int]) -> None:
        self._tokenizer, self._special = tokenizer, special

    def ids(self, texts: list[str]) -> list[Ids]:
        """The ids of each text. A small vocabulary may lack rare bytes, and its stand-in for the unknown is a control
        token too: left out."""
        if not texts:
            return []
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
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

        backend = getattr(self._tokenizer, "backend_tokenizer", None)
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
    """Remembers how words are spelled, during one pass over a dataset."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._known: dict[str, Ids] = {}

    def ids(self, texts: Iterable[str]) -> dict[str, Ids]:
        """The ids of each text, those that `Spelling.ids` gives."""
        if not self._spelling.apart:
            whole = list(texts)
            return dict(zip(whole, self._spelling.ids(whole), strict=True))
        words = {text: _words(text) for text in texts}
        self._learn(set(chain.from_iterable(words.values())))
        find = self._known.__getitem__
        return {text: list(chain.from_iterable(map(find, parts))) for text, parts in words.items()}

    def _learn(self, words: set[str]) -> None:
        if len(self._known) > _MOST:
            self._known = {}
        new = list(words - self._known.keys())
        self._known |= zip(new, self._spelling.ids(new), strict=True)


def _words(text: str) -> list[str]:
    """The words of a text, each with the space before it; the text itself where other spaces are in it."""
    words: list[str] = _WORDS(text)
    return words if "".join(words) == text else [text]
