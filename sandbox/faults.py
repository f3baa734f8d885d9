"""What can go wrong, on demand: flood waits, refusals, lost answers, dropped connections, held answers, slow networks,
late and shuffled updates. Faults name a request by its class, `SendMessageRequest` or `SendMessage`.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from sandbox.refusal import Dropped, Refusal


class Hold:
    """A request that waits. `reached` is set when one has arrived; `release` lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let it, and any later one under the same hold, go on."""
        self._released.set()

    async def wait(self) -> None:
        """Used by the server."""
        self.reached.set()
        await self._released.wait()


@dataclass(slots=True)
class _Plan:
    refusal: Refusal | None = None
    drop: bool = False
    act: Callable[[], Any] | None = None
    hold: Hold | None = None
    delay: float = 0.0


@dataclass
class Faults:
    """Each planned fault is used up by one request of its name, in the order of planning."""

    latency: float = 0.0
    """Seconds that every request is on its way: each is answered so much later, and none waits for another."""
    clock_ahead: int = 0
    """Seconds by which the server's clock differs from this machine's, as the key exchange tells it."""
    unproved_exchanges: int = 0
    """The next so many key exchanges end with a proof that does not fit. It happens by itself too: Telethon drops the
    leading zeros of a key before it hashes it, so about one exchange in 200 fails and is made again."""
    crowded: int = 0
    """The next so many packets are answered by `-429`: there are too many connections."""
    _before: dict[str, deque[_Plan]] = field(default_factory=lambda: defaultdict(deque))
    _after: dict[str, deque[_Plan]] = field(default_factory=lambda: defaultdict(deque))
    _update_delay: float = 0.0
    _shuffle: int = 0
    _lost: int = 0
    _twice: int = 0
    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def flood(self, request: str, seconds: int, times: int = 1) -> None:
        """Refuse with FLOOD_WAIT."""
        self.refuse(request, 420, f"FLOOD_WAIT_{seconds}", times)

    def refuse(self, request: str, code: int, message: str, times: int = 1) -> None:
        """Refuse with any error, such as `403, "CHAT_WRITE_FORBIDDEN"` or `400, "PEER_FLOOD"`."""
        self._plan(self._before, request, _Plan(refusal=Refusal(code, message)), times)

    def disconnect(self, request: str, times: int = 1) -> None:
        """Drop the connection before the request is executed."""
        self._plan(self._before, request, _Plan(drop=True), times)

    def lose_answer(self, request: str, times: int = 1) -> None:
        """Execute the request, then drop the connection instead of answering."""
        self._plan(self._after, request, _Plan(drop=True), times)

    def hold(self, request: str) -> Hold:
        """Keep the next such request from being executed until it is released."""
        hold = Hold()
        self._plan(self._before, request, _Plan(hold=hold), 1)
        return hold

    def hold_answer(self, request: str) -> Hold:
        """Execute the next such request at once, but answer only when it is released."""
        hold = Hold()
        self._plan(self._after, request, _Plan(hold=hold), 1)
        return hold

    def let(self, request: str, times: int) -> None:
        """Let so many of them through: the fault planned next meets the one after those."""
        self._plan(self._before, request, _Plan(), times)

    def meanwhile(self, request: str, act: Callable[[], Any]) -> None:
        """Do something when the next such request arrives, before it is executed: an edit, the end of a login."""
        self._plan(self._before, request, _Plan(act=act), 1)

    def slow(self, request: str, seconds: float, times: int = 1) -> None:
        """Execute at once, answer late."""
        self._plan(self._after, request, _Plan(delay=seconds), times)

    def delay_updates(self, seconds: float) -> None:
        """Push updates late from now on; 0 ends it."""
        self._update_delay = seconds

    def reorder_updates(self, count: int) -> None:
        """Hold back the next `count` pushed updates, then send them in the opposite order."""
        self._shuffle = count

    def lose_updates(self, count: int) -> None:
        """Never push the next `count` updates: the client must notice the gap by itself."""
        self._lost = count

    def repeat_updates(self, count: int) -> None:
        """Push each of the next `count` updates twice."""
        self._twice = count

    def clear(self) -> None:
        """Plan nothing any more. Held requests stay held until released."""
        self._before.clear()
        self._after.clear()
        self.latency = self._update_delay = 0.0
        self._shuffle = self._lost = self._twice = self.unproved_exchanges = self.crowded = 0

    async def before(self, name: str) -> None:
        """Called before a request is executed. Raises Refusal or Dropped."""
        if self.latency:
            await asyncio.sleep(self.latency)
        await self._apply(self._before, name)

    async def after(self, name: str) -> None:
        """Called between execution and answer. Raises Dropped."""
        await self._apply(self._after, name)

    def pass_update(self, send: Callable[[], None]) -> None:
        """Called with the sending of each pushed update."""
        if self._lost:
            self._lost -= 1
        elif self._shuffle:
            self._waiting.append(send)
            self._shuffle -= 1
            if not self._shuffle:
                waiting, self._waiting = self._waiting, []
                for late in reversed(waiting):
                    late()
        elif self._update_delay:
            asyncio.get_running_loop().call_later(self._update_delay, send)
        elif self._twice:
            self._twice -= 1
            send()
            send()
        else:
            send()

    def _plan(self, where: dict[str, deque[_Plan]], request: str, plan: _Plan, times: int) -> None:
        where[plain_name(request)].extend([plan] * times)

    async def _apply(self, where: dict[str, deque[_Plan]], name: str) -> None:
        plans = where.get(plain_name(name))
        if not plans:
            return
        plan = plans.popleft()
        if plan.delay:
            await asyncio.sleep(plan.delay)
        if plan.hold:
            await plan.hold.wait()
        if plan.act:
            done = plan.act()
            if isawaitable(done):
                await done
        if plan.drop:
            raise Dropped
        if plan.refusal:
            raise plan.refusal


def plain_name(request: str) -> str:
    """`SendMessageRequest` and `SendMessage` are the same request."""
    return request.removesuffix("Request")
