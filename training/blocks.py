"""A large part of a dataset read by two processes: a helper encodes every second block of its lines.

What it sends is what this process would have made of them, and where it ends early this process does.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import orjson

from data.helper import GoneError, Helper
from training.encode import Encoded, Encoder
from training.lines import AT_ONCE, Lines, whole

ENOUGH = 40_000_000
"""Bytes below which a helper costs more to start than it saves, those of some 400,000 messages."""
_MEANWHILE = 4
"""Blocks that this process encodes while a helper starts."""


def encode(encoder: Encoder, path: Path, max_tokens: int, helped: bool | None = None) -> Iterator[Encoded]:
    """The windows of a file, each as `Encoder.sample` encodes it, with a helper where that is worth it."""
    if helped is None:
        helped = encoder.words.portable and (os.cpu_count() or 1) > 1 and path.stat().st_size >= ENOUGH
    lines = Lines(encoder, max_tokens)
    helper = Helper.start(_help, lines, path) if helped else None
    try:
        with path.open("rb") as file:
            for number in count():
                if not (block := list(islice(file, AT_ONCE))):
                    return
                some = _answer(helper) if helper and _is_for_a_helper(number) else None
                yield from whole(encoder, some or lines.windows(map(orjson.loads, block)), max_tokens)
    finally:
        if helper:
            helper.end()


def _is_for_a_helper(number: int) -> bool:
    return number >= _MEANWHILE and number % 2 == 1


def _answer(helper: Helper) -> Any:
    """A block of windows; None where it is gone."""
    with suppress(GoneError):
        return helper.answer()


def _help(pipe: "Connection[Any, Any]", lines: Lines, path: Path) -> None:
    # What it cannot read this process cannot either, and says so.
    with suppress(OSError, ValueError, KeyError, TypeError, MemoryError), path.open("rb") as file:
        for number in count():
            if not (block := list(islice(file, AT_ONCE))):
                return
            if _is_for_a_helper(number):
                pipe.send(lines.windows(map(orjson.loads, block)))
