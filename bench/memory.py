"""The memory of one training step at its peak: measured, in a process of its own, and computed, where it has no room.

Computed means that the step runs on tensors with a size and no content, while torch's tracker adds up what is alive.
How far that is from what a process really takes for the step is told wherever both are to be had. Linux alone.
"""

import copy
import ctypes
import multiprocessing
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import nn

from bench import trainers
from bench.conversations import Conversation
from bench.tracker import tracker
from training import attention, model
from training.model import LanguageModel

MODELS = user_cache_path("doppelgram") / "models"
M_MMAP_THRESHOLD = -3
"""What glibc calls the size from which on a block is given back as soon as it is freed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes of a process, with network and adapter and before its step, and at its peak."""

    before: int
    peak: int

    @property
    def step(self) -> int:
        """What the step takes."""
        return self.peak - self.before


def peaks(config: Any, some: Sequence[Conversation], small: int, large: int) -> dict[str, Any]:
    """Peaks of our step and of a plain Trainer's, in bytes, packages and weights included.

    Both get the same conversations, those of a plain step of about so many real tokens: of `small` in its eight rows,
    of `large` in as many more. The plain step of `large` has no room in a usual machine, so there both are computed.
    `memory_computed_off` is how far the computed step is from one of a process that gives each freed block back at
    once, `memory_computed_off_as_run` from one that keeps what is freed, as C libraries do.
    """
    few = trainers.plain_steps(some, small)[0]
    real, tidy = ({name: measured(name, few, small, each) for name in ("ours", "plain")} for each in (False, True))
    steps = {name: computed(config, name, few, small) for name in real}
    many = trainers.plain_steps(some, large, trainers.ROWS * large // small)[0]
    held = {name: tidy["ours"].before + computed(config, name, many, large) for name in real}
    return {
        "memory_ratio_plain": round(real["ours"].peak / real["plain"].peak, 3),
        "memory_ratio_plain_computed": round(held["ours"] / held["plain"], 3),
        "memory_bytes": {name: each.peak for name, each in real.items()} | {"tokens": _tokens(few)},
        "memory_bytes_4096": {"ours": measured("ours", many, large).peak, "tokens": _tokens(many)},
        "memory_bytes_computed": held | {"tokens": _tokens(many)},
        "memory_computed_off": {name: round(steps[name] / each.step - 1, 3) for name, each in tidy.items()},
        "memory_computed_off_as_run": {name: round(steps[name] / each.step - 1, 3) for name, each in real.items()},
    }


def _tokens(rows: Sequence[Conversation]) -> int:
    return sum(len(each.ids) for each in rows)


def measured(name: str, rows: Sequence[Conversation], tokens: int, tidy: bool = False) -> Measured:
    """What one side's largest batch of these conversations really takes."""
    batches = trainers.SIDES[name]().batches(rows, tokens)
    return max((_alone(name, batch, tidy) for batch in batches), key=lambda each: each.peak)


def _alone(name: str, batch: Any, tidy: bool) -> Measured:
    """In a fresh process: memory that one side has freed must not serve the other."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_one_step, name, batch, tidy).result()


def _one_step(name: str, batch: Any, tidy: bool) -> Measured:
    if tidy:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**16)
    base, side = model.load("smollm2", MODELS, "none"), trainers.SIDES[name]()
    network = trainers.prepare(base.causal, side)
    with torch.no_grad():
        for each in base.causal.parameters():
            each.sum()  # weights lie in the memory from when they are read
    before = _resident("VmRSS")
    torch.autograd.backward(side.loss(network, batch))
    return Measured(before, _resident("VmHWM"))


def _resident(which: str) -> int:
    """Bytes now (`VmRSS`) or at the peak (`VmHWM`), as Linux tells them. The peak that `getrusage` tells may be that of
    the process which started this one."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def computed(config: Any, name: str, rows: Sequence[Conversation], tokens: int) -> int:
    """Bytes that one side's largest batch of these conversations takes beside packages and weights."""
    side = trainers.SIDES[name]()
    return max(_hollow_step(config, side, batch) for batch in side.batches(rows, tokens))


def _hollow_step(config: Any, side: trainers.Trainer, batch: Any) -> int:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        causal = AutoModelForCausalLM.from_config(
            copy.deepcopy(config), dtype=torch.float32, attn_implementation="sdpa"
        )
    network = trainers.prepare(causal, side)
    attention._CHOSEN[causal] = "documents"  # a check would have to look at numbers
    with FakeTensorMode():
        _hollow(causal)
        return tracked(network, side, batch)


def tracked(network: LanguageModel, side: trainers.Trainer, batch: Any) -> int:
    """What torch's tracker sees come to life in one step of a network on the CPU."""
    weights = list({id(each): each for each in (*network.causal.parameters(), *network.causal.buffers())}.values())
    seen = tracker()
    seen.track_external(*weights)
    with seen:
        torch.autograd.backward(side.loss(network, batch))
    total = int(seen.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"])
    return total - sum(int(each.nbytes) for each in weights)


def _hollow(network: nn.Module) -> None:
    """Put tensors of a CPU, without content, in place of those of the network. One that stands at two places goes on
    to."""
    new: dict[torch.Tensor, torch.Tensor] = {}
    for each in network.modules():
        for places in (each._parameters, each._buffers):
            for name, old in places.items():
                if old is None:
                    continue
                if old not in new:
                    made = torch.empty(old.shape, dtype=old.dtype, device="cpu")
                    learned = isinstance(old, nn.Parameter)
                    new[old] = nn.Parameter(made, old.requires_grad) if learned else made
                places[name] = new[old]  # type: ignore[assignment]
