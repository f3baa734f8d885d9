"""An event loop in a hurry: where nobody has anything to do, its time jumps to the next thing that is due.

Sockets are real and so are threads; only waiting costs nothing. A loop's time begins at 0 and all but stands still
while work is done, so a timeout never runs out because a machine is slow. Server and client must live in the same loop.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

GLANCE = 0.001
"""Real seconds in which a thread may come back before the time jumps on."""
LOOK = 1e-9
"""Seconds that pass at every look. Who waits for less than a loop tells apart would else look for ever."""


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits for a time: it lets it pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.passed += LOOK
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.threads:
            ready = super().select(GLANCE if timeout is not None else None)
        if not ready and timeout is not None:
            self.passed += timeout
        return ready


class HastyLoop(asyncio.SelectorEventLoop):
    """Give it to `asyncio.Runner(loop_factory=HastyLoop)`."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since it began, as it counts them."""
        return self._jumping.passed

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """A thread's work takes real time: the loop glances at it before each jump."""
        self._jumping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: object) -> None:
        self._jumping.threads -= 1
