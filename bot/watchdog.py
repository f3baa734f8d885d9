"""What a service manager hears of a running client: that it is ready, that it still turns, that it stops. sd_notify(3).

Under systemd with `Type=notify` and `WatchdogSec=` a client whose event loop hangs is killed and started anew, and goes
on where it was. Without such a manager nothing happens here.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Where to report to (empty for nobody), and within how many seconds a sign of life is expected, if at all."""

    address: str = ""
    seconds: float | None = None

    def tell(self, state: str) -> None:
        """Say one thing, such as `READY=1`. Nobody listening is no failure of ours."""
        if self.address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)  # a manager that does not listen must not hold us up
                to.sendto(state.encode(), f"\0{self.address[1:]}" if self.address[0] == "@" else self.address)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Signs of life as long as the event loop turns; a last word at the end."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            self.tell("STOPPING=1")

    async def _beat(self) -> None:
        while self.seconds:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.seconds / 2)
