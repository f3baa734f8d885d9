"""How the last training went, step by step, in a file that others read while it goes on: figures, never words.

The first line says which adapter is being made and by which process; each step adds one, and the end another. A
training that goes on where it was interrupted goes on in the same file.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.home import Home


@dataclass(frozen=True, slots=True)
class Point:
    """One optimizer step. `loss` in nats per loss token, `fraction` the used share of the budget."""

    step: int
    loss: float
    fraction: float
    tokens_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """A training as far as it is known."""

    adapter: str
    pid: int
    points: tuple[Point, ...]
    ended: str | None
    """`done` or `stopped`; None while it goes on, and where its process was killed."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The file."""

    path: Path

    @classmethod
    def of(cls, home: Home) -> "Curve":
        """That of a home folder."""
        return cls(home.path / "training.jsonl")

    @contextmanager
    def drawing(self, adapter: str) -> "Iterator[Callable[[Point], None]]":
        """A training that begins, or goes on: call what this gives for each step."""
        before = self.read()
        goes_on = before is not None and before.adapter == adapter and before.ended != "done"
        if not goes_on:
            self.path.unlink(missing_ok=True)
        self._write({"adapter": adapter, "pid": os.getpid()})
        try:
            yield lambda point: self._write({name: getattr(point, name) for name in Point.__slots__})
        except BaseException:
            self._write({"ended": "stopped"})
            raise
        self._write({"ended": "done"})

    def read(self) -> Course | None:
        """What is known of the last training; None when there was none. A line that is being written is left out."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        adapter, pid, ended, points = "", 0, None, dict[int, Point]()
        for line in lines:
            try:
                row: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if "adapter" in row:
                adapter, pid, ended = row["adapter"], row["pid"], None
            elif "ended" in row:
                ended = row["ended"]
            else:
                points[row["step"]] = Point(**row)
        return Course(adapter, pid, tuple(points.values()), ended) if adapter else None

    def fingerprint(self) -> str:
        """What changes with each line."""
        try:
            there = self.path.stat()
        except OSError:
            return ""
        return f"{there.st_size} {there.st_mtime_ns}"

    def _write(self, row: dict[str, Any]) -> None:
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
