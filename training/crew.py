"""The processes that evaluate together where there is no GPU: this one, and a helper that begins at the other end.

What decoding computes at a time is too little for the threads of one process: two processes of half the threads each
take less time for the same results. What is finished lies on the disk, so this process takes over what the helper
made. What the helper fails at, or leaves undone as it ends early, this process makes, and says what is wrong.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from data.helper import GoneError, Helper
from training import machine
from training.model import LanguageModel

ROOM = 2 << 30
"""Bytes that a process needs besides its weights: libraries, what was read of the chats, what is computed at a time."""
Told = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Part:
    """What one process makes at a time and keeps on the disk, telling how far it is. Made again, it is read."""

    words: str
    share: float
    """Of the whole."""
    make: Callable[[Told], object]
    later: bool = False
    """Whether it needs all that stands before the first such part."""


@dataclass(frozen=True, slots=True)
class _Board:
    """How far each part is."""

    parts: Sequence[Part]
    progress: Callable[[float, str], None]
    done: dict[int, float] = field(default_factory=dict)

    def told(self, place: int, share: float, words: str) -> None:
        self.done[place] = max(share, self.done.get(place, 0.0))
        self.progress(sum(self.parts[each].share * far for each, far in self.done.items()), words)

    def make(self, place: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        part = self.parts[place]

        def told(share: float) -> None:
            meanwhile()
            self.told(place, share, part.words)

        told(0.0)
        part.make(told)
        told(1.0)


def suits(model: LanguageModel) -> bool:
    """Whether a helper may work beside this model: on a CPU with threads to share, and with memory for all of it once
    more."""
    if model.device.type != "cpu" or torch.cuda.is_available() or torch.get_num_threads() < 2:
        return False
    weights = sum(each.nbytes for each in model.causal.parameters())
    # Another network's base is loaded besides, by each of the two.
    return machine.free_memory() >= weights * (3 if model.tuned else 1) + ROOM


def make(
    parts: Sequence[Part],
    progress: Callable[[float, str], None],
    anew: Callable[[], Sequence[Part]] | None = None,
) -> None:
    """Make all parts. `anew` gives the same ones to a process that begins with nothing, a helper; None for none. At the
    end, however it comes, no helper is left."""
    board = _Board(parts, progress)
    if anew:
        _together(board, anew)
    for place in range(len(parts)):
        board.make(place)


def _together(board: _Board, anew: Callable[[], Sequence[Part]]) -> None:
    threads = torch.get_num_threads()
    taken = multiprocessing.get_context("spawn").Array("b", len(board.parts))
    helper = Helper.start(_help, taken, anew, threads // 2)

    def listen() -> None:
        with suppress(GoneError):
            while helper.pipe.poll():
                board.told(*helper.answer())

    try:
        torch.set_num_threads(threads - threads // 2)
        waits = True
        for place, part in enumerate(board.parts):
            if waits and part.later:
                waits = False
                with suppress(GoneError):
                    helper.tell("go on")
            if _take(taken, place):
                board.make(place, listen)
        with suppress(GoneError):
            while True:
                board.told(*helper.answer())
    finally:
        helper.end()
        torch.set_num_threads(threads)


def _take(taken: Any, place: int) -> bool:
    """Whether nobody else has this part."""
    with taken.get_lock():
        before, taken[place] = taken[place], 1
    return not before


def _help(pipe: "Connection[Any, Any]", taken: Any, anew: Callable[[], Sequence[Part]], threads: int) -> None:
    """Make what nobody has, the last first."""
    with suppress(OSError):  # where memory runs out all the same, the other process should not go
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    # What fails here fails there too, or is done there; and nobody may wait for it any more.
    with suppress(Exception):
        parts, waits = anew(), True
        torch.set_num_threads(threads)
        for place, part in reversed(list(enumerate(parts))):
            if waits and part.later:
                waits = False
                pipe.recv()
            if _take(taken, place):
                part.make(lambda share, place=place, words=part.words: pipe.send((place, share, words)))  # type: ignore[misc]
                pipe.send((place, 1.0, part.words))
