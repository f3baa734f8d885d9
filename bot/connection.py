"""The owner's login in use: which server the settings name, a client that is connected to it, and the end of it."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from bot import account
from bot.desk import Desk
from bot.progress import Shown
from bot.settings import Settings
from data import telegram
from data.errors import ExitCode, UserError
from data.owner import Owner
from data.telegram import Client, Login, Server

TEST_PORT = 443


def login_of(settings: Settings, session: Path) -> Login:
    """The account that the settings name. Raises UserError (exit 3) when the api id or hash is missing."""
    missing = [name for name, value in (("API_ID", settings.api_id), ("API_HASH", settings.api_hash)) if value is None]
    if missing or settings.api_id is None or settings.api_hash is None:
        raise UserError(
            f"{' and '.join(f'DOPPELGRAM_{name}' for name in missing)} missing: Telegram asks which application it is.",
            "Get your own at https://my.telegram.org and write both into .env (see .env.example).",
            ExitCode.CONFIGURATION,
        )
    return Login(settings.api_id, settings.api_hash.get_secret_value(), session, server_of(settings))


def server_of(settings: Settings) -> Server | None:
    """The server that the settings name; None for Telegram's own."""
    wanted = settings.telegram
    if wanted.server:
        host, _, port = wanted.server.rpartition(":")
        if not host or not port.isdigit():
            raise UserError(
                "DOPPELGRAM_TELEGRAM__SERVER is not host:port.", "Such as 127.0.0.1:4430.", ExitCode.CONFIGURATION
            )
        key = wanted.server_key.replace("\\n", "\n") if wanted.server_key else None
        return Server(host.strip("[]"), int(port), wanted.server_dc, key)
    if wanted.test_dc:
        if wanted.server_dc not in telegram.TEST_SERVERS:
            raise UserError(
                f"Telegram has no test data centre {wanted.server_dc}.",
                "Set DOPPELGRAM_TELEGRAM__SERVER_DC to 1, 2 or 3.",
                ExitCode.CONFIGURATION,
            )
        return Server(telegram.TEST_SERVERS[wanted.server_dc], TEST_PORT, wanted.server_dc)
    return None


@asynccontextmanager
async def logged_in(desk: Desk, *, updates: bool = False) -> AsyncIterator[tuple[Any, Owner]]:
    """A connected client of the owner, who must be the one the archive belongs to. Raises UserError (exit 4)."""
    login = login_of(desk.settings, desk.home.session)
    account.demand_clock(desk.now)
    if not account.is_logged_in(desk):
        raise UserError("You are not logged in.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN)
    try:
        async with telegram.connect(login, updates=updates) as client:
            owner = await telegram.owner_of(client)
            account.claim(desk.archive, owner)
            yield client, owner
    except UserError as error:
        account.remember_end(desk.archive, error)
        raise


async def refresh(desk: Desk, client: Any) -> None:
    """Bring the list of chats up to date."""
    desk.archive.save_dialogs(await telegram.dialogs_of(client))


async def refreshed(desk: Desk, client: Client, arguments: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """`chats --refresh`."""
    await refresh(desk, client)
    return {}


async def end(desk: Desk) -> dict[str, Any]:
    """`logout`: connect and leave. A login that the server had ended already is simply removed."""
    try:
        async with telegram.connect(login_of(desk.settings, desk.home.session)) as client:
            await telegram.owner_of(client)
            await leave(desk, client)
    except UserError as error:
        if error.code is not ExitCode.NOT_LOGGED_IN:
            raise
        await end_companion(desk)
    desk.home.session.unlink(missing_ok=True)
    return {}


async def leave(desk: Desk, client: Client) -> None:
    """End the login on the server, then remove its file; the companion bot's goes with it."""
    await end_companion(desk)
    await telegram.log_out(client)
    desk.home.session.unlink(missing_ok=True)


async def end_companion(desk: Desk) -> None:
    """End the companion bot's login, on the server too if that can be reached: its token makes another one anyway."""
    if not desk.home.companion.exists():
        return
    with suppress(UserError, sqlite3.Error):
        async with telegram.connect(login_of(desk.settings, desk.home.companion)) as client:
            await telegram.log_out(client)
    desk.home.companion.unlink(missing_ok=True)
