"""What the sandbox allows, as knobs that no client knows of: how far back a difference reaches, how often one may ask,
how long a QR code lives. The town's clock measures all of it.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sandbox.faults import plain_name
from sandbox.refusal import Refusal


@dataclass(slots=True)
class Meter:
    """A token bucket: `burst` requests at once, `rate` more a second. One too many is refused for `wait` seconds, and
    so is whatever comes before they are over."""

    rate: float
    burst: int
    wait: int
    left: float = field(init=False)
    last: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        self.left = self.burst

    def take(self, now: datetime) -> int:
        """Seconds to wait, 0 when the request may pass."""
        if self.until and now < self.until:
            return ceil((self.until - now).total_seconds())
        if self.last:
            self.left = min(self.burst, self.left + (now - self.last).total_seconds() * self.rate)
        self.last = now
        if self.left < 1:
            self.until = now + timedelta(seconds=self.wait)
            return self.wait
        self.left -= 1
        return 0


@dataclass(slots=True)
class Limits:
    """Telegram's own figures where they are known."""

    difference: int = 10_000
    """So many changes behind, an account is told that the difference is too long."""
    channel_difference: int = 1_000
    slice: int = 100
    """The most changes in one answer."""
    qr_life: float = 30.0
    callback: float = 10.0
    """Seconds of real time that a bot has to answer a tap on a button."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often each request met a FLOOD_WAIT of its meter."""
    _meters: dict[tuple[str, bool], Meter] = field(default_factory=dict)

    def meter(self, request: str, *, rate: float, burst: int, wait: int, takeout: bool = False) -> None:
        """Meter a request by its class, inside or outside of takeouts."""
        self._meters[plain_name(request), takeout] = Meter(rate, burst, wait)

    def check(self, request: str, now: datetime, *, takeout: bool) -> None:
        """Called before a request is executed. Raises Refusal."""
        meter = self._meters.get((plain_name(request), takeout))
        seconds = meter.take(now) if meter else 0
        if seconds:
            self.refused[plain_name(request)] += 1
            raise Refusal(420, f"FLOOD_WAIT_{seconds}")
