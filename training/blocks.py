"""A large dataset read by two processes: a helper encodes the end of it while this one encodes the beginning.

What it sends is what this process would have made of them, and where it ends early this process does.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice, repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from data.errors import UserError
from data.helper import GoneError, Helper
from data.samples import file_of, readable
from training.encode import Encoded, Encoder
from training.lines import AT_ONCE, Lines, whole

ENOUGH = 40_000_000
"""Bytes below which a helper costs more to start than it saves, those of some 400,000 messages."""
MEANWHILE = 10_000_000
"""Bytes that this process encodes while a helper starts."""
_AHEAD = 60
"""Blocks, of some 5 MB, that a helper holds until this process comes to them."""


Stretch = tuple[str, int, int]
"""From where to where in the file of one part lines begin that are meant."""


def encode(
    encoder: Encoder, dataset: Path, splits: Sequence[str], max_tokens: int, helped: bool | None = None
) -> Iterator[tuple[str, Encoded]]:
    """The windows of these parts, each as `Encoder.sample` encodes it and with the name of its part, with a helper
    where that is worth it. Raises UserError where one cannot be read."""
    sizes = dict(map(partial(_sized, dataset), splits))
    total = sum(sizes.values())
    if helped is None:
        helped = encoder.words.portable and (os.cpu_count() or 1) > 1 and total >= ENOUGH
    lines = Lines(encoder, max_tokens)
    own, others = _shared(sizes, (total + MEANWHILE) // 2 if helped else total)
    helper = Helper.start(_help, lines, dataset, others) if helped else None
    try:
        for stretches, other in ((own, None), (others, helper)):
            for split, block in _blocks(dataset, stretches):
                with readable(split):
                    some = _answer(other) if other else None
                    windows = list(whole(encoder, some or lines.windows(map(orjson.loads, block)), max_tokens))
                yield from zip(repeat(split), windows)
    finally:
        if helper:
            helper.end()


def _sized(dataset: Path, split: str) -> tuple[str, int]:
    with readable(split):
        return split, file_of(dataset, split).stat().st_size


def _shared(sizes: Mapping[str, int], middle: int) -> tuple[list[Stretch], list[Stretch]]:
    """What lies before this place of all parts, one behind the other, and what lies behind it."""
    first, rest, before = list[Stretch](), list[Stretch](), 0
    for split, size in sizes.items():
        place = min(max(0, middle - before), size)
        first.append((split, 0, place))
        rest.append((split, place, size))
        before += size
    return first, rest


def _blocks(dataset: Path, stretches: Sequence[Stretch]) -> Iterator[tuple[str, list[bytes]]]:
    """The lines that begin in these stretches, some of one part at a time."""
    for split, begin, end in stretches:
        with readable(split), file_of(dataset, split).open("rb") as file:
            if begin:
                file.seek(begin - 1)
                file.readline()
            while block := list(islice(_lines(file, end), AT_ONCE)):
                yield split, block


def _lines(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Those that begin before this place, from where the file stands."""
    while file.tell() < end:
        yield file.readline()


def _answer(helper: Helper) -> Any:
    """A block of windows; None where it is gone."""
    with suppress(GoneError):
        return helper.answer()


def _help(pipe: "Connection[Any, Any]", lines: Lines, dataset: Path, stretches: Sequence[Stretch]) -> None:
    """Encode these stretches. A block that is sent waits until it is asked for, so what comes next is encoded first."""
    ahead = deque[Any]()
    # What it cannot read this process cannot either, and says so.
    with suppress(UserError, OSError, ValueError, KeyError, TypeError, MemoryError):
        for _, block in _blocks(dataset, stretches):
            ahead.append(lines.windows(map(orjson.loads, block)))
            if len(ahead) > _AHEAD:
                pipe.send(ahead.popleft())
    with suppress(BrokenPipeError):  # nobody waits for it any more
        for each in ahead:
            pipe.send(each)
