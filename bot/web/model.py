"""The model behind the page: one of its own, loaded when it is first asked for, or that of the client which runs in
this process. Either way it works in a single thread of its own, and nobody waits for it but who asked.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from bot import chosen
from bot.desk import Desk
from bot.respond import Responder
from bot.writing import Writing
from data.archive import Archive

Stop = Callable[[], bool]
Made = TypeVar("Made")


class Model(Protocol):
    """Whoever speaks."""

    async def ask(self, desk: Desk, work: Callable[[Responder, Stop], Made]) -> Made:
        """What `work(responder, stop)` makes, in the model's thread. It may be stopped and begun anew. Raises UserError
        where there is no model."""

    async def responder(self, desk: Desk) -> Responder:
        """The responder over this desk's archive, for what belongs to the caller's thread."""

    def name(self, desk: Desk) -> str | None:
        """Which adapter speaks; None for the untuned base."""

    def close(self) -> None:
        """Stop it, if it is the page's own."""


@dataclass(slots=True)
class Own:
    """Loaded from the settings, and anew once another adapter is to speak."""

    _loaded: tuple[str | None, Responder] | None = None
    _closed: threading.Event = field(default_factory=threading.Event)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "page-model"))

    async def ask(self, desk: Desk, work: Callable[[Responder, Stop], Made]) -> Made:
        """In the page's own worker."""
        speaks = await self.responder(desk)
        return await asyncio.wrap_future(self._worker.submit(work, speaks, self._closed.is_set))

    async def responder(self, desk: Desk) -> Responder:
        """Load it, where that has not been done."""
        name = self.name(desk)
        self._loaded = await asyncio.wrap_future(self._worker.submit(self._load, desk, name))
        return _over(self._loaded[1], desk.archive)

    def _load(self, desk: Desk, name: str | None) -> tuple[str | None, Responder]:
        if self._loaded and self._loaded[0] == name:
            return self._loaded
        from bot import speaker

        self._loaded = None  # before the next one comes: there may not be room for two
        with Desk.at(desk.settings, desk.home) as own:
            responder, adapter = speaker.responder(own, own.archive)
        return (adapter.card.name if adapter else None), responder

    def name(self, desk: Desk) -> str | None:
        """The one that `try` would answer with."""
        return chosen.name(desk)

    def close(self) -> None:
        """Stop within a token."""
        self._closed.set()
        self._worker.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Lent:
    """That of the running client, which goes first: what the page asked for is begun anew after its reply."""

    lender: Responder
    adapter: str | None
    writing: Writing

    async def ask(self, desk: Desk, work: Callable[[Responder, Stop], Made]) -> Made:
        """Between two replies of the client."""
        speaks = await self.responder(desk)
        interrupted = threading.Event()

        def aside(wanted: Stop) -> Made:
            return work(speaks, _noting(wanted, interrupted))

        while True:
            interrupted.clear()
            answer = await asyncio.wrap_future(self.writing.aside(aside))
            if not interrupted.is_set():
                return answer

    async def responder(self, desk: Desk) -> Responder:
        """The client's, over another archive."""
        return _over(self.lender, desk.archive)

    def name(self, desk: Desk) -> str | None:
        """The one the client was started with."""
        return self.adapter

    def close(self) -> None:
        """It is the client's."""


def _noting(wanted: Stop, interrupted: threading.Event) -> Stop:
    def stop() -> bool:
        if wanted():
            interrupted.set()
        return interrupted.is_set()

    return stop


def _over(responder: Responder, archive: Archive) -> Responder:
    return replace(responder, archive=archive)
