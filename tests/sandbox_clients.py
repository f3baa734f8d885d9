"""Real Telethon clients for the sandbox's tests: opened over TCP, logged in by code, closed at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.sessions import MemorySession, Session

from sandbox.server import Sandbox
from sandbox.town import Town

Join = Callable[..., Awaitable[TelegramClient]]
PATIENCE = 20.0
"""Seconds after which a test gives up waiting; no test measures time."""


@asynccontextmanager
async def opened(town: Town) -> AsyncIterator[Sandbox]:
    """A sandbox that clients trust; at the end none of its rules may have failed."""
    async with Sandbox(town) as sandbox:
        rsa.add_key(sandbox.public_key, old=False)
        yield sandbox
        assert sandbox.failures == []


@asynccontextmanager
async def joining(sandbox: Sandbox) -> AsyncIterator[Join]:
    """Gives `join(phone=None, session=None, **options)`: a connected client, logged in when there is a phone."""
    clients: list[TelegramClient] = []

    async def join(phone: str | None = None, session: Session | None = None, **options: Any) -> TelegramClient:
        kept = session or MemorySession()
        host, port = sandbox.address.split(":")
        kept.set_dc(sandbox.dc, host, int(port))
        api = {"api_id": sandbox.town.api_id, "api_hash": sandbox.town.api_hash, "retry_delay": 0.05}
        client = TelegramClient(kept, **{**api, **options})
        clients.append(client)
        await client.connect()
        if phone:
            await client.send_code_request(phone)
            await client.sign_in(phone, sandbox.code_for(phone))
        return client

    try:
        yield join
    finally:
        for client in clients:
            if client.is_connected():
                await client.disconnect()
            kept = client.session  # None after logging out
            if kept:
                kept.close()


def phone_of(sandbox: Sandbox, account_id: int | None = None) -> str:
    """An account's number, the owner's by default."""
    return f"+{sandbox.town.accounts[account_id or sandbox.town.owner_id].phone}"


class Ears:
    """Everything of some kinds of event that a client hears, in order."""

    def __init__(self, client: TelegramClient, *kinds: events.common.EventBuilder) -> None:
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        for kind in kinds:
            client.add_event_handler(self._heard.put, kind)

    async def next(self) -> Any:
        """The next one. Raises TimeoutError when none comes."""
        return await asyncio.wait_for(self._heard.get(), PATIENCE)

    async def texts(self, count: int) -> list[str]:
        """The texts of the next few."""
        return [(await self.next()).raw_text for _ in range(count)]

    @property
    def silent(self) -> bool:
        """Whether nothing is waiting to be heard."""
        return self._heard.empty()
