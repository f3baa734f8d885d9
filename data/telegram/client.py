"""A connection to Telegram, or to any other MTProto server: nothing beyond this file can tell which one it is."""

import asyncio
import logging
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telethon import TelegramClient, utils
from telethon.crypto import rsa
from telethon.errors import SecurityError
from telethon.network import MTProtoPlainSender, MTProtoSender
from telethon.network.authenticator import do_authentication
from telethon.network.connection import ConnectionTcpFull
from telethon.sessions import SQLiteSession
from telethon.tl import functions, types

from data.telegram.failure import readable_errors


@dataclass(frozen=True, slots=True)
class Server:
    """Another MTProto server than Telegram's own: `host:port`, its data centre number and its RSA key (PKCS#1 PEM)."""

    host: str
    port: int
    dc: int
    key: str | None = None


TEST_SERVERS = {1: "149.154.175.10", 2: "149.154.167.40", 3: "149.154.175.117"}
"""Telegram's test data centres, from core.telegram.org/api/auth#test-accounts and my.telegram.org."""


TELEGRAM = ("149.154.167.51", 443, 2)
"""The data centre that Telethon asks first."""
REACH_SECONDS = 5.0
LONGEST_REST = 15
"""Seconds between two tries to connect, at most; the first is 1, and each is twice the one before."""
EXCHANGES = 3
"""How often a key exchange is tried, which is as often as Telethon tries one for a client."""


@dataclass(frozen=True, slots=True)
class Login:
    """Which account: the application's own api id and hash, where the session file lies, and the server."""

    api_id: int
    api_hash: str
    session: Path
    server: Server | None = None


async def clock_ahead(server: Server | None) -> int:
    """Seconds by which the server's clock is ahead of this machine's, from the key exchange that begins every login.
    Nobody has to be logged in. Raises UserError, also when the server's key is not the one we were given."""
    where = server or Server(*TELEGRAM)
    if where.key:
        rsa.add_key(where.key, old=False)
    silent: dict[str, logging.Logger] = defaultdict(lambda: logging.getLogger("telethon"))
    connection = ConnectionTcpFull(where.host, where.port, where.dc, loggers=silent)
    with readable_errors():
        await connection.connect(timeout=REACH_SECONDS)
        try:
            ahead = await _exchanged(MTProtoPlainSender(connection, loggers=silent))
        finally:
            await connection.disconnect()
    return ahead


async def _exchanged(sender: MTProtoPlainSender) -> int:
    """The difference of the clocks that a key exchange tells. One in about 200 fails by chance: Telethon drops the
    leading zeros of the new key before it proves it."""
    for _ in range(EXCHANGES):
        with suppress(SecurityError, AssertionError):
            async with asyncio.timeout(REACH_SECONDS):
                _, ahead = await do_authentication(sender)
            return int(ahead)
    raise ConnectionError("auth_key generation failed")  # Telethon's own word for it, which has its sentence


def _of_the_moment(request: Any) -> bool:
    """Whether it says something in a chat, and Telegram wants a random number with it; or shows that somebody types; or
    puts something into an input box, which may hold the owner's own words by the time there is a connection again."""
    shows = (functions.messages.SetTypingRequest, functions.messages.SaveDraftRequest)
    return hasattr(request, "random_id") or isinstance(request, shows)


class _Sender(MTProtoSender):
    """Telethon's sender, which forgets what it was to say in a chat when its connection is lost. Telethon itself would
    say it over the next one, minutes later perhaps, whatever was written or switched off meanwhile; here whoever wanted
    it said is told, by a ConnectionError, and decides anew. And a network that stays away is tried less and less."""

    async def _try_connect(self, attempt: int) -> bool:
        if self._retries is None:  # else somebody waits for it at a terminal
            self._delay = min(LONGEST_REST, 2 ** min(attempt - 1, 10))
        return bool(await super()._try_connect(attempt))

    def send(self, request: Any, ordered: bool = False) -> Any:
        if _of_the_moment(request) and not self._transport_connected():
            raise ConnectionError("there is no connection")
        return super().send(request, ordered)

    def _start_reconnect(self, error: Exception | None) -> None:
        super()._start_reconnect(error)
        waiting = self._send_queue._deque
        for state in [*self._pending_state.values(), *waiting]:
            if _of_the_moment(state.request):
                self._pending_state.pop(state.msg_id, None)
                if state in waiting:
                    waiting.remove(state)
                if not state.future.done():
                    state.future.set_exception(ConnectionError("the connection was lost"))


class Client(TelegramClient):
    """Telethon's client, which also counts how often it had to connect anew: updates may be missing since then, and
    Telethon itself does not ask for them. And it knows a person from a group or a channel of the same number."""

    reconnections = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._sender.__class__ = _Sender  # Telethon has no way to be given another one

    @property
    def in_touch(self) -> bool:
        """Whether there is a connection at this moment."""
        return bool(self._sender._transport_connected())

    def break_off(self) -> None:
        """End the connection at once: what has not left this machine never will. Telethon makes a new one by itself."""
        if self.in_touch and (writer := self._sender._connection._writer):
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            writer.transport.abort()

    def knows(self, dialog_id: int) -> bool:
        """Whether it has heard of this chat, so that Telegram can be asked of it. Asks nobody."""
        number, kind = utils.resolve_id(dialog_id)
        try:
            self.session.get_input_entity(kind(number))
        except ValueError:
            return kind is types.PeerChat  # which are reached by their number alone
        return True

    async def get_input_entity(self, peer: Any) -> Any:
        """Exactly this chat, by its id in a list of dialogs. Telethon keeps those it has just heard of under their bare
        numbers, which a person, a group and a channel may share, and would give any of them. Raises ValueError."""
        if isinstance(peer, int):
            number, kind = utils.resolve_id(peer)
            peer = kind(number)
        if not isinstance(peer, types.PeerUser | types.PeerChat | types.PeerChannel):
            return await super().get_input_entity(peer)
        with suppress(ValueError):
            return self.session.get_input_entity(peer)
        found = await super().get_input_entity(peer)
        if utils.get_peer_id(found) != utils.get_peer_id(peer):
            raise ValueError("another chat has the same number, and this one was not seen yet")
        return found

    async def _handle_auto_reconnect(self) -> None:
        await super()._handle_auto_reconnect()
        self.reconnections += 1


@asynccontextmanager
async def connect(
    login: Login,
    *,
    updates: bool = False,
    patient: bool | None = None,
    prepare: Callable[["Client"], None] | None = None,
) -> AsyncIterator[Client]:
    """A connected client; disconnected at the end. Logged in or not: ask `owner_of`. Raises UserError.

    `updates` makes it a live client, which also catches up on what happened while it was away. `patient` is whether it
    tries for ever to connect, as a live client does if nothing else is said. `prepare` is called before it connects:
    only what listens by then hears what it missed while it was away.
    """
    login.session.touch(mode=0o600, exist_ok=True)  # SQLite would create it readable by everybody
    logging.getLogger("telethon").setLevel(logging.CRITICAL)  # its lower levels may quote what was received
    session = SQLiteSession(str(login.session))
    if login.server:
        session.set_dc(login.server.dc, login.server.host, login.server.port)
        if login.server.key:
            rsa.add_key(login.server.key, old=False)
    client = Client(
        session,
        login.api_id,
        login.api_hash,
        receive_updates=updates,
        catch_up=updates,
        sequential_updates=True,
        flood_sleep_threshold=0,
        raise_last_call_error=True,
        connection_retries=None if (updates if patient is None else patient) else 2,
        request_retries=0 if updates else 2,  # the outbox looks for itself what became of a request
        retry_delay=1,
        timeout=10,
        device_model="doppelgram",
    )
    if prepare:
        prepare(client)
    try:
        with readable_errors():
            await client.connect()
        yield client
    finally:
        disconnecting = client.disconnect()
        if disconnecting:
            await disconnecting
        session.close()
