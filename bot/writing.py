"""The reply in the making: one at a time, in a worker thread, so that the event loop never waits for the model.

Whatever makes it out of date (a newer message, the owner's own answer, a switch) stops it within a token, and what it
had written by then is thrown away.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

Written = TypeVar("Written")


@dataclass(slots=True)
class Writing:
    """The worker, and which chat it writes for."""

    dialog_id: int | None = None
    """The chat of the reply that is being written now."""
    _turns: Counter[int] = field(default_factory=Counter, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _wanted: threading.Event = field(default_factory=threading.Event, init=False)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "generator"), init=False)

    async def reply(self, dialog_id: int, write: Callable[[Callable[[], bool]], Written]) -> Written | None:
        """What `write(stop)` makes of it; None when it was stopped or has become out of date meanwhile."""
        turn = self._turns[dialog_id]
        self._stop.clear()
        self.dialog_id = dialog_id
        self._wanted.set()

        def begin() -> Written:
            self._wanted.clear()
            return write(self._stop.is_set)

        try:
            written = await asyncio.get_running_loop().run_in_executor(self._worker, begin)
        finally:
            self.dialog_id = None
        return None if self._stop.is_set() or self._turns[dialog_id] != turn else written

    def outdate(self, dialog_id: int) -> None:
        """Whatever is being written for this chat is out of date."""
        self._turns[dialog_id] += 1
        if self.dialog_id == dialog_id:
            self._stop.set()

    def interrupt(self) -> None:
        """Stop writing, within a token: paused, or shutting down."""
        self._stop.set()

    def afterwards(self, work: Callable[[], None]) -> None:
        """Let the worker do something between two replies: the model is not for two threads at once."""
        self._worker.submit(work)

    def aside(self, work: Callable[[Callable[[], bool]], Written]) -> Future[Written]:
        """Let the worker do something longer between two replies, from any thread. `work(wanted)` ends early once it is
        told that a reply is wanted."""
        return self._worker.submit(work, self._wanted.is_set)

    def restart(self, first: Callable[[], None]) -> None:
        """A new worker, after the model failed in the old one; `first` is what it does before anything else."""
        self._worker.shutdown(wait=False)
        self._worker = ThreadPoolExecutor(1, "generator")
        self._worker.submit(first)

    def close(self) -> None:
        """Stop the worker."""
        self._stop.set()
        self._worker.shutdown(wait=True)
