"""The sandbox itself: listens on loopback, keeps the logins, sends each request to its rule and updates to everybody.

async with Sandbox(small_town()) as sandbox:
    ...  # sandbox.address, sandbox.dc and sandbox.public_key are what a client needs
"""

import asyncio
import logging
import os
from contextlib import suppress
from inspect import isawaitable
from types import TracebackType
from typing import Any, Self

import rsa
from telethon.tl import types

from sandbox.answer import encode
from sandbox.call import Call
from sandbox.connection import Connection
from sandbox.host import Host
from sandbox.journal import Asked
from sandbox.keys import pem_of, process_key
from sandbox.refusal import Dropped, Refusal
from sandbox.rules import FOR_PEOPLE, OPEN, RULES
from sandbox.session import Login
from sandbox.town import Town

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"


class Sandbox(Host):
    """A town, open to clients. What its people do by themselves is in `Host`."""

    dc = 2

    def __init__(self, town: Town, *, port: int = 0, private_key: rsa.PrivateKey | None = None) -> None:
        super().__init__(town)
        self.port = port
        self.private_key = private_key or process_key()
        self.salt = _new_salt()
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """`host:port`. The port stays the same over restarts."""
        return f"{HOST}:{self.port}"

    @property
    def public_key(self) -> str:
        """The server's RSA key, PKCS#1 PEM."""
        return pem_of(self.private_key)

    async def start(self) -> None:
        """Open the door."""
        self._server = await asyncio.start_server(self._welcome, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close it, and drop whoever is inside."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def restart(self, downtime: float = 0.0) -> None:
        """Close and open again: same port, keys, logins and town; a new salt, as after a real restart."""
        await self.stop()
        self.salt = _new_salt()
        await asyncio.sleep(downtime)
        await self.start()

    def change_salt(self) -> None:
        """Let the server's salt run out: clients are told the new one at their next message."""
        self.salt = _new_salt()

    def admit(self, login: Login) -> None:
        """Remember a new auth key."""
        self.logins[login.key_id] = login

    def receive(self, connection: Connection, call: Call, message_id: int, request: Any) -> None:
        """Take a request. Requests without faults are executed in the order in which they arrive."""
        self._start(self._serve(connection, call, message_id, request))

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self._connections[connection] = None
        self._start(self._attend(connection))

    async def _attend(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self._connections.pop(connection, None)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection, call: Call, message_id: int, request: Any) -> None:
        name = type(request).__name__
        session, login = call.session, call.login
        takeout = call.envelope.takeout is not None
        self.journal.ask(Asked(self.town.clock.now(), name, login.account_id, login.number, takeout))
        try:
            await self.faults.before(name)
            self.limits.check(name, self.town.clock.now(), takeout=takeout)
            answer = await self._execute(call, request)
            await self.faults.after(name)
        except Dropped:
            connection.abort()
            return
        except Refusal as refusal:
            answer = bytes(types.RpcError(refusal.code, refusal.message))
        if session.open:
            with suppress(ConnectionError):
                session.answer(message_id, answer)

    async def _execute(self, call: Call, request: Any) -> bytes:
        rule = RULES.get(type(request))
        if rule is None:
            LOG.warning("no rule for %s", type(request).__name__)
            raise Refusal(400, "METHOD_NOT_SUPPORTED")
        if type(request) not in OPEN and call.login.account_id is None:
            raise Refusal(401, "SESSION_PASSWORD_NEEDED" if call.login.half else "AUTH_KEY_UNREGISTERED")
        if type(request) in FOR_PEOPLE and self.town.accounts[call.me].bot:
            raise Refusal(400, "BOT_METHOD_INVALID")
        if call.envelope.takeout is not None and call.envelope.takeout != call.login.takeout:
            raise Refusal(400, "TAKEOUT_INVALID")
        try:
            answer = rule(call, request)
            return encode(await answer if isawaitable(answer) else answer)
        except Refusal:
            raise
        except Exception as error:
            # only the type: the text of an exception may quote a message
            LOG.error("the rule for %s failed: %s", type(request).__name__, type(error).__name__)
            self.failures.append(error)
            raise Refusal(500, "INTERNAL") from error


def _new_salt() -> int:
    return int.from_bytes(os.urandom(8), "little", signed=True)
