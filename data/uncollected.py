"""Python's search for reference cycles, switched off where many values are made that hold none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, nothing is searched for cycles. The search looks at every value made so far, again and again: a third of
    the time that a dataset takes, and it finds nothing. What no name holds any more goes at once all the same."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
