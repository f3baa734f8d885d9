"""The town's own clock. Message dates come from here; the protocol's own times stay real.

Telethon drops server messages whose id is more than 300 s away from the machine's time, so message ids, salts and QR
expiry must follow the real clock. The town's day is another matter: the demo always happens on a Tuesday at 15:00.
"""

import time
from datetime import UTC, datetime, timedelta

TUESDAY = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)


class Clock:
    """Starts at `start` and runs at the pace of real time; `advance` moves it forward at once."""

    def __init__(self, start: datetime = TUESDAY) -> None:
        self.start = start
        self._zero = time.monotonic()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The town's time, in UTC."""
        return self.start + self._ahead + timedelta(seconds=time.monotonic() - self._zero)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(seconds=seconds)
