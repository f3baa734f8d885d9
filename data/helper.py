"""A process that helps this one: a fresh one (`spawn`), so that it inherits neither threads nor open files.

It is deaf to Ctrl-C, which a terminal sends to all: this process ends it, and once this one is gone nobody answers it.
"""

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any


class GoneError(Exception):
    """A helper ended before its work did."""


@dataclass(frozen=True, slots=True)
class Helper:
    """One that is at work."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"

    @classmethod
    def start(cls, work: Callable[..., None], *values: object) -> "Helper":
        """Have a process do this work; it is given its end of a pipe, then these values."""
        context = multiprocessing.get_context("spawn")
        near, far = context.Pipe()
        process = context.Process(target=_work, args=(work, far, *values), daemon=True)
        process.start()
        far.close()
        return cls(process, near)

    def tell(self, value: object) -> None:
        """Send it something. Raises GoneError."""
        try:
            self.pipe.send(value)
        except OSError as error:
            raise GoneError from error

    def answer(self) -> Any:
        """What it sends next. Raises GoneError."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError) as error:
            raise GoneError from error

    def end(self) -> None:
        """Whatever it is at."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def _work(work: Callable[..., None], pipe: "Connection[Any, Any]", *values: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work(pipe, *values)
