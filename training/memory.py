"""What the network has read: one key-value cache per chat, kept as long as all of them fit into a bound of bytes.

The caches are buffers with room to grow, so that a new token is written in place, going back is a smaller number, and
a network with a sliding window can go back too: everything is kept, and its mask alone looks away from what is too old.
"""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

STEP = 256
"""Tokens by which a buffer grows, so that a chat is not copied for each message."""


class Buffer(CacheLayerMixin):
    """Keys and values of one layer, each [rows, heads, room, size], of which the first `length` places are in use."""

    is_sliding = False
    is_croppable = True
    keys: Any
    values: Any
    is_initialized: bool

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make empty buffers of the shape of these."""
        self._reserve(key_states, value_states, STEP)

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write what is new after what is there. Returns all of it."""
        end = self.length + key_states.shape[2]
        if not self.is_initialized or end > self.keys.shape[2]:
            self._reserve(key_states, value_states, -(-end // STEP) * STEP)
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def _reserve(self, keys: Tensor, values: Tensor, room: int) -> None:
        fresh = [each.new_zeros(*each.shape[:2], room, each.shape[3]) for each in (keys, values)]
        if self.is_initialized:
            fresh[0][:, :, : self.length] = self.keys[:, :, : self.length]
            fresh[1][:, :, : self.length] = self.values[:, :, : self.length]
        self.keys, self.values = fresh
        self.is_initialized = True

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many places a mask covers, and the first of them."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """How many tokens were read."""
        return self.length

    def get_max_length(self) -> int:
        """No end."""
        return -1

    def crop(self, tokens_to_remove: int) -> None:
        """Go back by so many tokens, given as a negative number."""
        self.length -= abs(tokens_to_remove)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Only keep these rows."""
        self.keys, self.values = self.keys[indices], self.values[indices]


class Memory:
    """What the network has read of one chat: the token ids, and the cache of exactly these."""

    def __init__(self, config: Any) -> None:
        self.ids: list[int] = []
        plain = DynamicCache(config=config)
        kinds = {type(layer).__name__ for layer in plain.layers}
        self.slides = "DynamicSlidingWindowLayer" in kinds
        """Whether some layers look back no further than a window."""
        self.rewinds = kinds <= {"DynamicLayer", "DynamicSlidingWindowLayer"}
        """Whether it can go back. A network with a state of fixed size (linear attention, convolutions) cannot."""
        self.cache: Any = Cache(layers=[Buffer() for _ in plain.layers]) if self.rewinds else plain

    @property
    def nbytes(self) -> int:
        """What its buffers hold, used or not."""
        return sum(
            each.nbytes for layer in self.cache.layers for each in (layer.keys, layer.values) if each is not None
        )

    def common(self, ids: Sequence[int]) -> int:
        """Length of the longest common beginning."""
        length = 0
        for old, new in zip(self.ids, ids, strict=False):
            if old != new:
                break
            length += 1
        return length

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        surplus = len(self.ids) - length
        if surplus:
            self.cache.crop(-surplus)
            del self.ids[length:]

    def spread(self, rows: int) -> Any:
        """A cache of `rows` copies that can be written on, for any kind of network."""
        cache = copy.deepcopy(self.cache)
        cache.reorder_cache(torch.zeros(rows, dtype=torch.long))
        return cache


class Memories:
    """The chats that were read last, as many as fit into `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, Memory] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """What they hold together."""
        return sum(memory.nbytes for memory in self._kept.values())

    def take(self, dialog: int) -> Memory | None:
        """What is kept of a dialog; it is the caller's until put back."""
        return self._kept.pop(dialog, None)

    def put(self, dialog: int, memory: Memory) -> None:
        """Keep it as the newest. The oldest make room, also this one if it alone is too large."""
        self._kept[dialog] = memory
        while self._kept and self.nbytes > self._limit:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()

    def forget(self, dialog: int) -> None:
        """Drop what is kept of a dialog."""
        self._kept.pop(dialog, None)
