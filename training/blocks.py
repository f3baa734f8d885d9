"""A large part of a dataset read by two processes: a helper encodes the end of it while this one encodes the beginning.

What it sends is what this process would have made of them, and where it ends early this process does.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from data.helper import GoneError, Helper
from training.encode import Encoded, Encoder
from training.lines import AT_ONCE, Lines, whole

ENOUGH = 40_000_000
"""Bytes below which a helper costs more to start than it saves, those of some 400,000 messages."""
MEANWHILE = 10_000_000
"""Bytes that this process encodes while a helper starts."""
_AHEAD = 60
"""Blocks, of some 5 MB, that a helper holds until this process comes to them."""


def encode(encoder: Encoder, path: Path, max_tokens: int, helped: bool | None = None) -> Iterator[Encoded]:
    """The windows of a file, each as `Encoder.sample` encodes it, with a helper where that is worth it."""
    size = path.stat().st_size
    if helped is None:
        helped = encoder.words.portable and (os.cpu_count() or 1) > 1 and size >= ENOUGH
    middle = min(size, (size + MEANWHILE) // 2) if helped else size
    lines = Lines(encoder, max_tokens)
    helper = Helper.start(_help, lines, path, middle) if helped else None
    try:
        with path.open("rb") as file:
            for block in _blocks(file, middle):
                yield from whole(encoder, lines.windows(map(orjson.loads, block)), max_tokens)
            for block in _blocks(file, size):
                some = _answer(helper) if helper else None
                yield from whole(encoder, some or lines.windows(map(orjson.loads, block)), max_tokens)
    finally:
        if helper:
            helper.end()


def _blocks(file: BinaryIO, end: int) -> Iterator[list[bytes]]:
    """The lines that begin before this place, some at a time, from where the file stands."""
    lines = iter(lambda: file.readline() if file.tell() < end else b"", b"")
    while block := list(islice(lines, AT_ONCE)):
        yield block


def _answer(helper: Helper) -> Any:
    """A block of windows; None where it is gone."""
    with suppress(GoneError):
        return helper.answer()


def _help(pipe: "Connection[Any, Any]", lines: Lines, path: Path, begin: int) -> None:
    """Encode the lines that begin from this place on. A block that is sent waits until it is asked for, so what comes
    next is encoded first."""
    ahead = deque[Any]()
    # What it cannot read this process cannot either, and says so.
    with suppress(OSError, ValueError, KeyError, TypeError, MemoryError), path.open("rb") as file:
        file.seek(begin - 1)
        file.readline()
        for block in _blocks(file, path.stat().st_size):
            ahead.append(lines.windows(map(orjson.loads, block)))
            if len(ahead) > _AHEAD:
                pipe.send(ahead.popleft())
    with suppress(BrokenPipeError):  # nobody waits for it any more
        for each in ahead:
            pipe.send(each)
