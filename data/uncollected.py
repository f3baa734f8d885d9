"""Python's search for reference cycles, switched off where many values are made that hold none."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 200_000
"""New objects before a search that was put off."""
_usual: list[tuple[int, int, int]] = []
"""How often it came before it was put off."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, nothing is searched for cycles. The search looks at every value made so far, again and again: a third of
    the time that a dataset takes, and it finds nothing. What no name holds any more goes at once all the same.

    As a decorator it lets go of all that the function needed before the search comes back and looks at it.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def put_off() -> None:
    """At the start of a command's process: while it loads, the search comes seldom, and at its end not at all. What is
    loaded is no garbage, a million objects with a model's libraries: to look through them took a fifth of the time
    that a command needs to start and to end."""
    _usual.append(gc.get_threshold())
    gc.set_threshold(SELDOM, *_usual[0][1:])
    atexit.register(gc.freeze)


def loaded() -> None:
    """All is loaded: the search comes as before, and leaves out what is here by now. It does nothing where nothing was
    put off."""
    if _usual:
        gc.freeze()
        gc.set_threshold(*_usual.pop())
