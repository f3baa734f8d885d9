"""Ctrl-C during a step waits for the step's end: in its middle, weights and optimizer disagree."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def ctrl_c() -> Iterator[Callable[[], bool]]:
    """Within this context the first Ctrl-C is only remembered, and a second one interrupts at once.

    Yields a function that tells whether it was pressed. Off the main thread, where Python delivers no signals, it
    never is.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def first(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
