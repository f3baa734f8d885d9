"""The server: one thread with an event loop and stores of its own, so that neither the live client nor a model ever
waits for a browser, nor a browser for them."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from bot.desk import Desk
from bot.home import Home
from bot.settings import Settings
from bot.web.access import Access, Address, Keys
from bot.web.app import app
from bot.web.job import Job
from bot.web.model import Model, Own
from bot.web.office import Office
from bot.web.watch import Watch
from bot.web.workshop import Workshop
from data.errors import UserError

PATIENCE = 10.0
"""Seconds for it to open."""


@dataclass(frozen=True, slots=True)
class Page:
    """An open page."""

    address: Address
    link: str = field(repr=False)


@contextmanager
def serving(settings: Settings, home: Home, model: Model | None = None) -> Iterator[Page]:
    """The page is open while this lasts; `model` is one that is there already. Raises UserError where it cannot
    listen."""
    listener, keys = _listen(settings.web.host, settings.web.port), Keys()
    address = Address(settings.web.host, listener.getsockname()[1])
    thread = _Thread(settings, home, model or Own(), keys, address, listener)
    thread.start()
    try:
        if not thread.opened.wait(PATIENCE) or thread.failed:
            raise UserError("The page could not be opened.", "Try again.") from thread.failed
        yield Page(address, address.link(keys.token))
    finally:
        thread.end()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise _not_there(host, port, error) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen()  # else two pages could be bound here, and the second would notice too late
    except OSError as error:
        listener.close()
        raise _not_there(host, port, error) from error
    return listener


def _not_there(host: str, port: int, error: OSError) -> UserError:
    return UserError(
        f"The page cannot listen at {host}, port {port}: {error.strerror or error}.",
        "Another one may be open. Set DOPPELGRAM_WEB__PORT to a free port, or to 0 for any.",
    )


class _Thread(threading.Thread):
    """Where it runs."""

    def __init__(
        self, settings: Settings, home: Home, model: Model, keys: Keys, address: Address, listener: socket.socket
    ) -> None:
        super().__init__(name="page", daemon=True)
        self.opened = threading.Event()
        self.failed: BaseException | None = None
        self._server: _Server | None = None
        self._parts = settings, home, model, keys, address, listener

    def run(self) -> None:
        """The life of the server."""
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.failed = error
        finally:
            self.opened.set()

    async def _serve(self) -> None:
        settings, home, model, keys, address, listener = self._parts
        with Desk.at(settings, home) as desk, Desk.at(settings, home) as other:
            watch = Watch(other, Workshop.of(settings, home), Job(settings, home))
            office = Office.at(desk, watch, keys, model)
            self._server = _Server(app(office, address), watch, self.opened)
            try:
                await self._server.serve(sockets=[listener])
            finally:
                office.close()

    def end(self) -> None:
        """Close the page and wait until it is closed."""
        if self._server:
            self._server.should_exit = True
        self.join()


class _Server(uvicorn.Server):
    """uvicorn's, which says when it listens, and ends the event streams when it ends: it would wait for them. No line
    of a log is written: an address in it could tell what was looked for."""

    def __init__(self, application: Access, watch: Watch, opened: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                http="h11",
                loop="asyncio",
                server_header=False,
                timeout_graceful_shutdown=2,
                h11_max_incomplete_event_size=16 * 1024,
            )
        )
        self._watch, self._opened = watch, opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._opened.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything."""
        await self._watch.close()
        await super().shutdown(sockets)
