"""When things happen, by the running loop, which may be in a hurry: the clock of a house, and what arrives there."""

import asyncio
from datetime import datetime, timedelta

from sandbox.clock import TUESDAY, Clock
from sandbox.journal import Delivery


class LoopClock(Clock):
    """The time of the running loop, which may be in a hurry. `ahead` moves it by hand."""

    def __init__(self, start: datetime = TUESDAY) -> None:
        super().__init__(start)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.ahead = timedelta()

    def now(self) -> datetime:
        """What time it is."""
        return self.start + self.ahead + timedelta(seconds=self._loop.time() - self._began)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead += timedelta(seconds=seconds)


class Arrivals(list[Delivery]):
    """The journal's deliveries, with the loop's time of each: Telegram's own dates are whole seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    def append(self, delivery: Delivery) -> None:
        """Another message arrives."""
        super().append(delivery)
        self.moments.append(asyncio.get_running_loop().time())
