"""Replies: read the context once, then write several candidates side by side from the same key-value cache.

The cache of each dialog is kept: of a context that grew, only the new tokens are read. What a candidate says depends
on the seed and its index alone, never on the global random state, on the other candidates or on what was cached.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import torch
from torch import Tensor

from data.transcript import Transcript
from training.candidate import Candidate, candidate
from training.decode import Captured, Steppers, logits_of
from training.encode import CONTEXT_TOKENS, Encoder
from training.memory import Memories, Memory
from training.model import LanguageModel
from training.sampling import Rules, draw

CHUNK = 128
"""Default of the prompt tokens that are read between two looks at `stop`."""
MEMORY_BYTES = 1 << 30
"""Default bound of all kept caches: 23,000 tokens of the small model, 18,000 of Qwen2.5-7B and 8,000 of Mistral-7B in
bf16."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one chat asks for: `n` candidates for the owner's next turn. `stop` is asked before each forward step; once
    it says yes, the chat's results are empty. `temperature`: its own, where it is not that of all."""

    transcript: Transcript
    n: int
    seed: int
    dialog: int = 0
    stop: Callable[[], bool] = lambda: False
    temperature: float | None = None


@dataclass(slots=True)
class _Row:
    """One candidate while it is written."""

    place: int
    """Of its request in the batch."""
    chance: torch.Generator
    temperature: float
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    blank: bool = True
    """Whether its last message has no word yet."""
    finished: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """A chat that was read to the end of its prompt, with the logits [1, vocabulary] there."""

    request: Request
    memory: Memory
    logits: Tensor


class Generator:
    """Writes replies with one model. Not for several threads at once. Make a new one after changing the adapter."""

    def __init__(
        self,
        model: LanguageModel,
        context_tokens: int = CONTEXT_TOKENS,
        memory_bytes: int = MEMORY_BYTES,
        capture: Callable[[Captured], None] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        """`context_tokens` is the longest prompt, `memory_bytes` how much all kept caches hold together; while replies
        are written, each candidate has a copy besides. `capture`: see `Steppers`. `chunk`: see `CHUNK`; where nobody
        stops, a prompt read at once is read sooner, as each part reads all weights."""
        self._model = model
        self._encoder = Encoder(model.tokenizer)
        self._context_tokens = context_tokens
        self._chunk = chunk
        self._rules = Rules(self._encoder, model.tokenizer, model.head.weight.shape[0])
        self._memories = Memories(memory_bytes)
        self.steppers = Steppers(model, capture)
        self.read_tokens = 0
        """Prompt tokens that went through the network so far: what the caches save shows here."""

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

        A candidate without any text is left out. `stop` is asked before each forward step; once it says yes, the
        result is empty. Temperature 0 takes the likeliest token always.
        """
        request = Request(transcript, n, seed, dialog, stop or (lambda: False))
        (candidates,) = self.replies([request], max_tokens=max_tokens, temperature=temperature, top_p=top_p)
        return candidates

    def replies(
        self, requests: Sequence[Request], *, max_tokens: int = 96, temperature: float = 0.8, top_p: float = 0.9
    ) -> list[tuple[Candidate, ...]]:
        """What `reply` gives for each of several chats, written side by side: the weights are read once for all.

        Several requests for one dialog read it once. Raises `ValueError` where they differ in the transcript.
        """
        if any(
            one.dialog == other.dialog and one.transcript != other.transcript
            for one, other in combinations(requests, 2)
        ):
            raise ValueError("one dialog with two transcripts")
        written: dict[int, tuple[Candidate, ...]] = {}
        with torch.inference_mode():
            read: dict[int, _Read] = {}
            for place, request in enumerate(requests):
                before = next((each for each in read.values() if each.request.dialog == request.dialog), None)
                if found := replace(before, request=request) if before else self._read(request):
                    read[place] = found
            # A network that cannot go back cannot be padded either: it writes request by request.
            together = all(each.memory.rewinds for each in read.values())
            for places in [list(read)] if together else [[place] for place in read]:
                if places:
                    made = self._write([read[place] for place in places], max_tokens, temperature, top_p)
                    written |= zip(places, made, strict=True)
            for each in read.values():
                if each.memory.rewinds:
                    self._memories.put(each.request.dialog, each.memory)
        return [written.get(place, ()) for place in range(len(requests))]

    def forget(self, dialog: int) -> None:
        """Drop what is kept of a dialog."""
        self._memories.forget(dialog)

    def restart(self) -> None:
        """Start anew after a failure: drop everything that was kept, and give its memory back."""
        self._memories.clear()
        self.steppers.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _read(self, request: Request) -> _Read | None:
        """Bring the dialog's memory up to the prompt. None if stopped; what was read by then is kept."""
        prompt = self._encoder.prompt(request.transcript, self._context_tokens)
        memory = self._memories.take(request.dialog) or Memory(self._model.causal.config)
        # The last token is always read again: its logits are needed, and they are not kept.
        memory.rewind(min(memory.common(prompt), len(prompt) - 1))
        hidden: Tensor | None = None
        while len(memory.ids) < len(prompt):
            if request.stop():
                if memory.rewinds:
                    self._memories.put(request.dialog, memory)
                return None
            part = list(prompt[len(memory.ids) : len(memory.ids) + self._chunk])
            inputs = torch.tensor([part], device=self._model.device)
            out = self._model.decoder(input_ids=inputs, past_key_values=memory.cache, use_cache=True)
            hidden = out.last_hidden_state[:, -1]
            memory.ids += part
            self.read_tokens += len(part)
        assert hidden is not None
        return _Read(request, memory, logits_of(self._model, hidden))

    def _write(
        self, batch: Sequence[_Read], max_tokens: int, temperature: float, top_p: float
    ) -> list[tuple[Candidate, ...]]:
        """The candidates of each request of the batch, none of those that were stopped."""
        rows = [
            _Row(
                place,
                _chance(each.request, index),
                temperature if each.request.temperature is None else each.request.temperature,
            )
            for place, each in enumerate(batch)
            for index in range(each.request.n)
        ]
        writing = list(rows)
        logits = torch.cat([each.logits.expand(each.request.n, -1) for each in batch])
        stepper = self.steppers.begin([(each.memory, each.request.n) for each in batch], max_tokens)
        stopped: set[int] = set()
        for step in range(max_tokens):
            stopped |= {n for n, each in enumerate(batch) if n not in stopped and each.request.stop()}
            keep = [i for i, row in enumerate(writing) if not row.finished and row.place not in stopped]
            if not keep:
                break
            if len(keep) < len(writing):
                writing = [writing[index] for index in keep]
                logits = logits[keep]
                stepper.keep(keep)
            if step:
                logits = stepper.step([row.ids[-1] for row in writing])
            for row, scores, logprobs in zip(writing, logits, logits.log_softmax(-1), strict=True):
                token = draw(self._rules.allowed(scores, row.blank), row.temperature, top_p, row.chance)
                row.ids.append(token)
                row.logprob += float(logprobs[token])
                row.blank = self._rules.is_blank(token, row.blank)
                row.finished = token == self._encoder.end
        made = [(row.place, self._candidate(row)) for row in rows]
        return [
            () if place in stopped else tuple(found for other, found in made if found and other == place)
            for place in range(len(batch))
        ]

    def _candidate(self, row: _Row) -> Candidate | None:
        logprob, ids = row.logprob / max(1, len(row.ids)), tuple(row.ids)
        return candidate(self._encoder.decode(ids), row.finished, logprob, len(ids), ids)


def _chance(request: Request, index: int) -> torch.Generator:
    return torch.Generator().manual_seed((request.seed * 1_000_003 + index) % 2**63)
