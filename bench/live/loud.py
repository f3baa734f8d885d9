"""A verb at debug level that may be made to fail: what `bench.live.leaks` starts. It tells at its end how many calls
there were.

python -m bench.live.loud N VERB...     (a bug in the Nth call of a function of ours; 0 for none)
"""

import atexit
import logging
import sys
from pathlib import Path
from types import FrameType

from bot.cli import main

OURS = tuple(str(Path(__file__).resolve().parents[2] / room) + "/" for room in ("bot", "data"))
CALLS, BUG = "calls of ours:", "a bug, by request"


class Bug(Exception):
    """Nobody expects it, so nobody makes a sentence of it."""


class Counter:
    """Counts the calls of our functions in this thread."""

    def __init__(self, fatal: int) -> None:
        self.calls, self._fatal = 0, fatal

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Another call, or something else."""
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.calls += 1
            if self.calls == self._fatal:
                raise Bug(BUG)


def _end(counter: Counter) -> None:
    sys.setprofile(None)
    # In one piece: a thread that still loads a model logs here too, and came in between the words of a `print`.
    sys.stderr.write(f"{CALLS} {counter.calls}\n")


if __name__ == "__main__":
    counter = Counter(int(sys.argv.pop(1)))
    logging.basicConfig(level=logging.DEBUG)
    atexit.register(_end, counter)
    sys.setprofile(counter)
    main()
