"""The turns of one topic in columns: where they stand in a file, and what must be known to cut them into windows."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import BinaryIO


def _numbers() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Told:
    """One entry a turn in each column. `file` holds what each is written as, with a comma behind."""

    file: BinaryIO
    sizes: "array[int]" = field(default_factory=_numbers)
    """Characters, as `conversation.length` counts them."""
    targets: list[bool] = field(default_factory=list)
    theirs: list[bool] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    began: "array[int]" = field(default_factory=_numbers)
    """Microseconds since 1970."""
    first: "array[int]" = field(default_factory=_numbers)
    """The id of its first message."""
    last: "array[int]" = field(default_factory=_numbers)
    upto: "array[int]" = field(default_factory=lambda: array("q", [0]))
    """How many messages stand before each turn, and before the end of all."""
    begins: "array[int]" = field(default_factory=_numbers)
    """Where each begins in the file, and where the next one would."""
    against: list[tuple[int, str]] = field(default_factory=list)
    """Own turns that are not learned, and why, in order."""
    long: list[tuple[int, str]] = field(default_factory=list)
    """Own turns to be learned, each with a message that is long enough to be a copy, in normal form; in order."""

    def __post_init__(self) -> None:
        self.begins.append(self.file.tell())

    def write(self, lines: Sequence[str]) -> None:
        """Write the next turns."""
        sizes = [len(line) + 1 if line.isascii() else len(line.encode()) + 1 for line in lines]
        self.begins.extend(islice(accumulate(sizes, initial=self.begins[-1]), 1, None))
        self.file.write(",".join([*lines, ""]).encode())

    def messages(self, begin: int, end: int) -> int:
        """How many these turns are made of."""
        return self.upto[end] - self.upto[begin]

    def long_in(self, begin: int, end: int) -> list[tuple[int, str]]:
        """Those of `long` in these turns."""
        return self.long[bisect_left(self.long, (begin,)) : bisect_left(self.long, (end,))]
