"""Replies: read the context once, then write several candidates side by side from the same key-value cache.

The cache of each dialog is kept: of a context that grew, only the new tokens are read. What a candidate says depends
on the seed and its index alone, never on the global random state, on the other candidates or on what was cached.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from data.transcript import Transcript, split_reply
from training.encode import CONTEXT_TOKENS, Encoder
from training.model import LanguageModel

CHUNK = 256
"""Prompt tokens read between two looks at `stop`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reply: at least one message, none of them empty."""

    texts: tuple[str, ...]
    logprob_mean: float
    """Mean log-probability per token in nats, turn end included, at temperature 1."""
    finished: bool
    """Whether its last message is whole. If not, it is the only one and was cut at the limit of tokens; of several, the
    one that was cut has been left out."""
    tokens: int


@dataclass(slots=True)
class _Memory:
    """What the network has read of one dialog."""

    ids: list[int] = field(default_factory=list)
    cache: Any = None


@dataclass(slots=True)
class _Row:
    """One candidate while it is written."""

    chance: torch.Generator
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finished: bool = False


class Generator:
    """Writes replies with one model. Not for several threads at once. Make a new one after changing the adapter."""

    def __init__(self, model: LanguageModel, context_tokens: int = CONTEXT_TOKENS, memory_tokens: int = 16384) -> None:
        """`context_tokens` is the longest prompt, `memory_tokens` how much all kept caches hold together."""
        self._model = model
        self._encoder = Encoder(model.tokenizer)
        self._context_tokens = context_tokens
        self._memory_tokens = memory_tokens
        self._memories: OrderedDict[int, _Memory] = OrderedDict()
        self.read_tokens = 0
        """Prompt tokens that went through the network so far: what the caches save shows here."""
        vocabulary = model.head.weight.shape[0]
        self._never = torch.zeros(vocabulary, dtype=torch.bool)
        self._never[[i for i in self._encoder.special if i < vocabulary]] = True
        self._never[self._encoder.end] = False

    def reply(
        self,
        transcript: Transcript,
        n: int,
        seed: int,
        *,
        dialog: int = 0,
        max_tokens: int = 96,
        temperature: float = 0.8,
        top_p: float = 0.9,
        stop: Callable[[], bool] | None = None,
    ) -> tuple[Candidate, ...]:
        """Up to `n` candidates for the owner's next turn, best first by nothing: in order of their index.

        A candidate without any text is left out. `stop` is asked before each token; once it says yes, the result is
        empty. Temperature 0 takes the likeliest token always.
        """
        asked = stop or (lambda: False)
        prompt = self._encoder.prompt(transcript, self._context_tokens)
        with torch.inference_mode():
            logits = self._read(prompt, dialog, asked)
            if logits is None:
                return ()
            cache = copy.deepcopy(self._memories[dialog].cache)
            cache.batch_repeat_interleave(n)
            rows = [_Row(torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)) for index in range(n)]
            if not self._write(rows, logits.expand(n, -1), cache, max_tokens, temperature, top_p, asked):
                return ()
        candidates = (self._candidate(row) for row in rows)
        return tuple(candidate for candidate in candidates if candidate.texts)

    def forget(self, dialog: int) -> None:
        """Drop what is kept of a dialog."""
        self._memories.pop(dialog, None)

    def _read(self, prompt: tuple[int, ...], dialog: int, stop: Callable[[], bool]) -> Tensor | None:
        """Bring the dialog's cache up to the prompt. Returns the logits after it [1, vocabulary], None if stopped."""
        memory = self._memories.pop(dialog, None) or _Memory()
        self._memories[dialog] = memory
        # The last token is always read again: its logits are needed, and they are not kept.
        same = min(_common(memory.ids, prompt), len(prompt) - 1)
        if memory.cache is None or not _crop(memory, same):
            memory.cache, memory.ids = self._empty_cache(), []
        hidden: Tensor | None = None
        while len(memory.ids) < len(prompt):
            if stop():
                return None
            part = list(prompt[len(memory.ids) : len(memory.ids) + CHUNK])
            hidden = self._forward([part], memory.cache)
            memory.ids += part
            self.read_tokens += len(part)
        self._make_room(dialog)
        assert hidden is not None
        return self._logits(hidden)

    def _write(
        self,
        rows: list[_Row],
        logits: Tensor,
        cache: Any,
        max_tokens: int,
        temperature: float,
        top_p: float,
        stop: Callable[[], bool],
    ) -> bool:
        """Fill the rows. Returns False if stopped."""
        writing = list(rows)
        for place in range(max_tokens):
            if stop():
                return False
            logprobs = logits.log_softmax(-1)
            allowed = logits.masked_fill(self._never, -torch.inf)
            if place == 0:
                allowed[:, self._encoder.end] = -torch.inf  # a reply without a word is none
            for index, row in enumerate(writing):
                token = _draw(allowed[index], temperature, top_p, row.chance)
                row.ids.append(token)
                row.logprob += float(logprobs[index, token])
                row.finished = token == self._encoder.end
            kept = [index for index, row in enumerate(writing) if not row.finished]
            if not kept:
                break
            if len(kept) < len(writing):
                writing = [writing[index] for index in kept]
                cache.batch_select_indices(torch.tensor(kept, device=self._model.device))
            if place + 1 < max_tokens:
                logits = self._logits(self._forward([[row.ids[-1]] for row in writing], cache))
        return True

    def _candidate(self, row: _Row) -> Candidate:
        lines = self._encoder.decode(row.ids).rstrip("\ufffd").split("\n")
        whole = _messages(lines if row.finished else lines[:-1])
        return Candidate(whole or _messages(lines), row.logprob / max(1, len(row.ids)), bool(whole), len(row.ids))

    def _forward(self, ids: list[list[int]], cache: Any) -> Tensor:
        inputs = torch.tensor(ids, device=self._model.device)
        hidden: Tensor = self._model.decoder(input_ids=inputs, past_key_values=cache, use_cache=True).last_hidden_state
        return hidden[:, -1]

    def _logits(self, hidden: Tensor) -> Tensor:
        """In fp32 on the CPU, where sampling is the same on every machine."""
        logits: Tensor = self._model.head(hidden)
        return logits.float().cpu()

    def _empty_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.causal.config)

    def _make_room(self, dialog: int) -> None:
        while len(self._memories) > 1 and sum(len(m.ids) for m in self._memories.values()) > self._memory_tokens:
            oldest = next(iter(self._memories))
            if oldest == dialog:
                return
            del self._memories[oldest]


def _common(before: list[int], now: tuple[int, ...]) -> int:
    """Length of the longest common beginning."""
    length = 0
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        length += 1
    return length


def _crop(memory: _Memory, length: int) -> bool:
    """Forget all but the first `length` tokens. False where this kind of cache cannot."""
    surplus = len(memory.ids) - length
    if surplus:
        try:
            memory.cache.crop(-surplus)  # negative: how many tokens to drop
        except (RuntimeError, NotImplementedError):  # a sliding window has already let go of what would be needed
            return False
        del memory.ids[length:]
    return True


def _draw(logits: Tensor, temperature: float, top_p: float, chance: torch.Generator) -> int:
    """One token by nucleus sampling (Holtzman et al., 2020): the likeliest tokens that make up `top_p` together."""
    if temperature <= 0:
        return int(logits.argmax())
    probabilities, order = (logits / temperature).softmax(-1).sort(descending=True)
    before = probabilities.cumsum(-1) - probabilities
    probabilities = probabilities.masked_fill(before >= top_p, 0.0)
    return int(order[torch.multinomial(probabilities, 1, generator=chance)])


def _messages(lines: list[str]) -> tuple[str, ...]:
    """The messages that these lines of a reply say, without empty ones."""
    return tuple(text.strip() for line in lines for text in split_reply(line) if text.strip())
