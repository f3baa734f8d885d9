"""Two clocks: the server's, which dates messages, and ours, which says what time it is and may be wrong, or jump."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

RIGHT = timedelta(seconds=5)
"""A difference up to this is none: the network takes its time, and Telegram's dates are whole seconds."""

STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS counts the time asleep in the second one


def steady() -> float:
    """Seconds that nobody sets, with those in which the machine was asleep."""
    return time.clock_gettime(STEADY)


@cache
def boot() -> str:
    """Since when those are counted: another one after the machine was started anew. Where the system tells of none,
    each process has its own."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


@dataclass(slots=True)
class Clocks:
    """What the server's clock said last, against ours."""

    now: Callable[[], datetime]
    """Ours."""
    steady: Callable[[], float] = steady
    """Seconds that pass, however ours is set."""
    boot: Callable[[], str] = boot
    """What they are counted from."""
    ahead: timedelta = field(default=timedelta(0), init=False)
    """How far the server's was ahead of it."""

    def compare(self, there: datetime) -> None:
        """The server has just said what time it is, in whole seconds: it may be almost one later, and what counts as
        history must not become news."""
        ahead = there + timedelta(seconds=1) - self.now()
        self.ahead = ahead if abs(ahead) > RIGHT else timedelta(0)

    def here(self, there: datetime) -> datetime:
        """A date of the server's, such as that of a message, by our clock."""
        return there - self.ahead

    def there(self) -> datetime:
        """What time it is by the server's clock: what is counted by the hour, or waits for a time of the day, goes by
        this one, since ours may jump."""
        return self.now() + self.ahead

    def standing(self) -> float:
        """How ours stands: as much as this changes within one `boot`, in seconds, it was set meanwhile."""
        return self.now().timestamp() - self.steady()

    def age(self, there: datetime) -> timedelta:
        """How long ago that was."""
        return self.now() - self.here(there)
