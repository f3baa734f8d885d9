"""How fast Telegram is asked: from near one request a second up to what it bears, and not at all while it says wait.

Nobody outside knows what Telegram allows; it seems to be a bucket that fills at some rate. Until the first FLOOD_WAIT
the speed grows by half with each answer. From then on there is a measure: as the bucket was empty at one FLOOD_WAIT and
at the next, what was answered between the two cannot be more than what flowed in. That rate is held, and tried to be
exceeded a little only after a hundred times the length of the last wait.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

START = 1.0
HARMLESS = 0.97
"""Requests a second, a little less than Telethon's own plain loop makes: where nothing is known yet, a FLOOD_WAIT does
not lead below it."""
GROWTH, CREEP, STEP = 1.5, 1.002, 1.05
"""What the speed is multiplied by: with each answer before the first FLOOD_WAIT, with each one before the second, and
after a long quiet time."""
QUIET = 100
"""How many times the last wait must have gone well before a little more is tried."""
ENOUGH = 8
"""So many answers make an average worth something."""
MARGIN = 0.5
"""Seconds added to each wait."""
LATE = 0.05
"""A turn that comes so many seconds late, as timers do, does not shift the next ones."""


@dataclass(slots=True)
class Pace:
    """At most `per_second` requests a second. Clock and sleep come in as arguments."""

    per_second: float = 4.0
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rate: float = START
    """Requests a second at the moment."""
    _slow: str = ""
    """The method that Telegram slowed down last. The others are asked once a second at most, beside it."""
    _next: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    _until: float = 0.0
    _since: float | None = None
    _answered: Counter[str] = field(default_factory=Counter)
    _waits: int = 0
    _wait: float = 0.0
    _safe: float = 0.0

    def __post_init__(self) -> None:
        self.rate = min(self.rate, self.per_second)

    async def turn(self, method: str = "") -> None:
        """Return when the next request of this method may go out."""
        learned = self._slow in ("", method)
        while (now := self.now()) < (due := max(self._next[learned], self._until)):
            await self.sleep(due - now)
        rate = self.rate if learned else min(START, self.per_second)
        self._next[learned] = (due if now - due < LATE else now) + 1 / rate
        if self._since is None:
            self._since = now

    def answered(self, method: str = "") -> None:
        """A request was answered: perhaps it goes faster. Each method fills from a bucket of its own."""
        self._answered[method] += 1
        if self._waits == 0:
            self.rate *= GROWTH
        elif self._waits == 1:
            self.rate *= CREEP
        elif self.now() - self._until > QUIET * self._wait:
            self.rate, self._until = self.rate * STEP, self.now()
        self.rate = min(self.rate, self.per_second)

    def refused(self, seconds: float, method: str = "") -> bool:
        """Telegram said FLOOD_WAIT: no turn before it is over, and slower from then on. Returns whether this is a new
        wait, and not the same one met by a request that was on its way."""
        now = self.now()
        new = now >= self._until
        self._until = max(self._until, now + seconds + MARGIN)
        if new:
            self._slow = method
            self._wait = seconds + MARGIN
            self._slow_down(now, self._answered[method])
        return new

    def _slow_down(self, now: float, answered: int) -> None:
        self._waits += 1
        seconds = max(0.1, now - (self._since if self._since is not None else now))
        average = answered / seconds
        if self._waits > 1:
            self._safe = max(self._safe, (answered - 1) / seconds)  # up to one was left in the bucket
            wanted = 0.98 * self._safe
        else:
            wanted = min(self.rate / 2, average) if answered >= ENOUGH else self.rate / 2
        if self._waits == 1 or self.rate > 1.05 * HARMLESS:
            wanted = max(wanted, HARMLESS)
        self.rate = min(self.rate, max(wanted, 0.05))
        self._since = now
        self._answered.clear()
