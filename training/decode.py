"""The decode step: one token for each row, from copies of what was read.

Three ways to the same tokens. `Plain` copies the network's own cache and works with any. `Growing` copies what was read
of several chats into one buffer, the shorter ones padded on their left. `Captured` is the same on CUDA with fixed
shapes, recorded once as a graph and replayed, because launching a thousand small kernels takes longer there than
running them; transformers' `generate` does not do that for 4-bit models.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Cache

from training.memory import Buffer, Memory
from training.model import LanguageModel

SLOTS = 512
"""A captured buffer's length is a multiple of this, so that few graphs serve all replies."""
GRAPHS = 2
"""Shapes whose graphs are kept."""
PROBE = 0.05
"""Total variation between the captured step's distribution and the plain one's from which on it is not trusted. The two
use other attention kernels, which differ in bf16 by less than a hundredth of this."""


class Stepper(Protocol):
    """Writes one token per row and returns the logits after it."""

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Logits [rows, vocabulary] after one more token in each row, in fp32 on the CPU, where sampling is the same on
        every machine."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone."""


def logits_of(model: LanguageModel, hidden: Tensor) -> Tensor:
    """The vocabulary's logits, in fp32 on the CPU."""
    logits: Tensor = model.head(hidden)
    return logits.float().cpu()


class Plain:
    """Rows of one chat on a copy of its cache, whatever kind it is."""

    def __init__(self, model: LanguageModel, memory: Memory, rows: int) -> None:
        self._model = model
        self._cache = memory.spread(rows)

    def step(self, tokens: Sequence[int]) -> Tensor:
        """See `Stepper`."""
        inputs = torch.tensor([[token] for token in tokens], device=self._model.device)
        hidden = self._model.decoder(input_ids=inputs, past_key_values=self._cache, use_cache=True).last_hidden_state
        return logits_of(self._model, hidden[:, -1])

    def keep(self, rows: Sequence[int]) -> None:
        """See `Stepper`."""
        self._cache.reorder_cache(torch.tensor(rows))


class Growing:
    """Rows of several chats, `longest` read tokens at most, in buffers with `room` for more."""

    def __init__(self, model: LanguageModel, rows: int, longest: int, room: int) -> None:
        self._model, self._longest, self._slots = model, longest, longest + room
        self._pads = torch.full((rows,), longest, device=model.device)
        self._cache: Any = Cache(layers=[])

    def take(self, memory: Memory, first: int, rows: int) -> None:
        """Copy a chat into `rows` rows from `first` on."""
        while len(self._cache.layers) < len(memory.cache.layers):
            self._cache.layers.append(self._empty(memory.cache.layers[len(self._cache.layers)]))
        pad = self._longest - len(memory.ids)
        for mine, theirs in zip(self._cache.layers, memory.cache.layers, strict=True):
            place = (slice(first, first + rows), slice(None), slice(pad, self._longest))
            mine.keys[place] = theirs.keys[:, :, : theirs.length]
            mine.values[place] = theirs.values[:, :, : theirs.length]
        self._pads[first : first + rows] = pad

    def _empty(self, like: Buffer) -> Buffer:
        layer = Buffer()
        rows, slots = len(self._pads), self._slots
        layer.keys, layer.values = (
            each.new_zeros(rows, each.shape[1], slots, each.shape[3]) for each in (like.keys, like.values)
        )
        layer.is_initialized, layer.length = True, self._longest
        return layer

    def step(self, tokens: Sequence[int]) -> Tensor:
        """See `Stepper`."""
        inputs = torch.tensor([[token] for token in tokens], device=self._model.device)
        length = self._cache.get_seq_length()
        # Without padding there is nothing to mask, and the faster kernels may run.
        padded: dict[str, Any] = {}
        if bool(self._pads.any()):
            places = torch.arange(length + 1, device=self._model.device)
            padded["attention_mask"] = (places >= self._pads[:, None]).long()
        out = self._model.decoder(
            input_ids=inputs,
            position_ids=(length - self._pads)[:, None],
            past_key_values=self._cache,
            use_cache=True,
            **padded,
        )
        return logits_of(self._model, out.last_hidden_state[:, -1])

    def keep(self, rows: Sequence[int]) -> None:
        """See `Stepper`."""
        indices = torch.tensor(rows, device=self._model.device)
        self._pads = self._pads[indices]
        self._cache.batch_select_indices(indices)


class _Fixed(Buffer):
    """A layer of fixed length whose next place is a tensor, so that a replayed graph writes where it stands now."""

    def __init__(self, like: Buffer, rows: int, slots: int, slot: Tensor) -> None:
        super().__init__()
        self._slot = slot
        self.keys, self.values = (
            each.new_zeros(rows, each.shape[1], slots, each.shape[3]) for each in (like.keys, like.values)
        )
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write at the slot. Returns the whole buffers: the mask says what of them counts."""
        self.keys.index_copy_(2, self._slot, key_states)
        self.values.index_copy_(2, self._slot, value_states)
        return self.keys, self.values


class Captured:
    """`Growing` with fixed shapes: `rows` rows of `slots` places. Without a graph it runs the same step as it is."""

    def __init__(self, model: LanguageModel, like: Memory, rows: int, slots: int) -> None:
        self._model, self._slots = model, slots
        device = model.device
        self._ids = torch.zeros(rows, 1, dtype=torch.long, device=device)
        self._slot = torch.zeros(1, dtype=torch.long, device=device)
        self._pads = torch.zeros(rows, dtype=torch.long, device=device)
        self._cache = Cache(layers=[_Fixed(layer, rows, slots, self._slot) for layer in like.cache.layers])
        self._rows = list(range(rows))
        self._replay: Callable[[], Tensor] = self._forward

    def record(self) -> None:
        """Record the step as a CUDA graph. Raises `RuntimeError` where something in it cannot be recorded."""
        # A few plain rounds first: libraries set themselves up on the first call, which must not be recorded.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._forward()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self._forward()

        def replay() -> Tensor:
            graph.replay()
            return logits

        self._replay = replay

    def begin(self, longest: int) -> None:
        """Make ready for new chats, of at most `longest` read tokens."""
        self._rows = list(range(len(self._pads)))
        self._pads.fill_(longest)
        self._slot.fill_(longest)
        self._ids.zero_()

    def take(self, memory: Memory, first: int, rows: int) -> None:
        """Copy a chat into `rows` rows from `first` on."""
        end = int(self._slot)
        pad = end - len(memory.ids)
        for mine, theirs in zip(self._cache.layers, memory.cache.layers, strict=True):
            place = (slice(first, first + rows), slice(None), slice(pad, end))
            mine.keys[place] = theirs.keys[:, :, : theirs.length]
            mine.values[place] = theirs.values[:, :, : theirs.length]
        self._pads[first : first + rows] = pad

    def step(self, tokens: Sequence[int]) -> Tensor:
        """See `Stepper`."""
        column = [0] * len(self._pads)
        for row, token in zip(self._rows, tokens, strict=True):
            column[row] = token
        self._ids.copy_(torch.tensor(column)[:, None])
        logits = self._replay()[self._rows].cpu()
        self._slot += 1
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """See `Stepper`. The shape stays: rows that are done are written on, and nobody looks."""
        self._rows = [self._rows[row] for row in rows]

    def _forward(self) -> Tensor:
        places = torch.arange(self._slots, device=self._ids.device)
        seen = (places <= self._slot) & (places >= self._pads[:, None])
        hidden = self._model.decoder(
            input_ids=self._ids,
            attention_mask=seen[:, None, None, :],
            position_ids=(self._slot - self._pads)[:, None],
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        logits: Tensor = self._model.head(hidden[:, -1])
        return logits.float()


class Steppers:
    """Chooses the way for one model, and remembers what did not work.

    `capture` makes a fixed shape fast, and raises `RuntimeError` where it cannot; None for no fixed shapes at all.
    """

    def __init__(self, model: LanguageModel, capture: Callable[[Captured], None] | None = None) -> None:
        self._model = model
        if capture is None and torch.cuda.is_available() and model.device.type == "cuda":
            capture = Captured.record
        self._capture = capture
        self._graphs: OrderedDict[tuple[int, int], Captured] = OrderedDict()
        self.refused = ""
        """Why the captured step is not used, once it was tried and did not work."""

    def clear(self) -> None:
        """Drop the graphs and their buffers; they are made again when needed."""
        self._graphs.clear()

    def begin(self, chats: Sequence[tuple[Memory, int]], room: int) -> Stepper:
        """A stepper over each chat's number of rows, with room for so many more tokens."""
        (first, n), *others = chats
        if not first.rewinds:
            if others:
                raise ValueError("chats of this kind of network cannot share a batch")
            return Plain(self._model, first, n)
        longest = max(len(memory.ids) for memory, _ in chats)
        rows = sum(n for _, n in chats)
        if self._capture and not first.slides and (captured := self._captured(chats, rows, longest, room)):
            return captured
        return self._growing(chats, rows, longest, room)

    def _growing(self, chats: Sequence[tuple[Memory, int]], rows: int, longest: int, room: int) -> Growing:
        growing = Growing(self._model, rows, longest, room)
        _take(growing, chats)
        return growing

    def _captured(self, chats: Sequence[tuple[Memory, int]], rows: int, longest: int, room: int) -> Captured | None:
        """The graph of this shape, made and proven at its first use; None where that fails, and from then on."""
        slots = -(-(longest + room) // SLOTS) * SLOTS
        captured = self._graphs.pop((rows, slots), None)
        proven = captured is not None
        try:
            if captured is None:
                assert self._capture
                captured = Captured(self._model, chats[0][0], rows, slots)
                self._capture(captured)
            captured.begin(longest)
            _take(captured, chats)
            if not proven:
                _prove(captured, self._growing(chats, rows, longest, room), rows)
                captured.begin(longest)
                _take(captured, chats)
        except RuntimeError as error:
            self.refused = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            self._capture = None
            self._graphs.clear()
            return None
        self._graphs[rows, slots] = captured
        while len(self._graphs) > GRAPHS:
            self._graphs.popitem(last=False)
        return captured


def _take(stepper: Growing | Captured, chats: Sequence[tuple[Memory, int]]) -> None:
    first = 0
    for memory, rows in chats:
        stepper.take(memory, first, rows)
        first += rows


def _prove(captured: Captured, plain: Growing, rows: int) -> None:
    """One step on both: a graph that recorded the wrong thing answers fluently and wrongly."""
    tokens = list(range(1, rows + 1))
    apart = (captured.step(tokens).softmax(-1) - plain.step(tokens).softmax(-1)).abs().sum(-1).max() / 2
    if not float(apart) < PROBE:  # also not a number
        raise RuntimeError(f"the captured step is {float(apart):.3f} away from the plain one")
