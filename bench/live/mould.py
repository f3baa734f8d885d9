"""A home that is logged in, to pour houses from: logging in takes a key exchange, so it is done once."""

from contextlib import closing
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.live.moments import LoopClock
from bench.live.street import OWNER, street
from bot.home import Home
from data.archive import Archive
from data.telegram import Login, Server, connect, dialogs_of, log_in_by_code
from sandbox.clock import TUESDAY
from sandbox.server import Sandbox
from sandbox.session import Login as Known


@dataclass(frozen=True, slots=True)
class Mould:
    """A home with a login and a list of chats, and what its server knows of that login."""

    folder: Path
    logins: dict[bytes, Known]
    contacts: int


async def mould(folder: Path, contacts: int = 3) -> Mould:
    """Log in, once."""
    home = Home.at(folder)
    async with Sandbox(street(LoopClock(TUESDAY - timedelta(hours=1)), contacts)) as sandbox:
        await log_in(sandbox, home, OWNER)
        return Mould(folder, {key: copy(login) for key, login in sandbox.logins.items()}, contacts)


async def log_in(sandbox: Sandbox, home: Home, account: int) -> None:
    """Log an account in, and list its chats."""
    phone = sandbox.town.accounts[account].phone or ""

    async def code(_question: str, _hidden: bool) -> str:
        return sandbox.code_for(phone)

    async with connect(login_to(sandbox, home)) as client:
        await log_in_by_code(client, f"+{phone}", code)
        with closing(Archive(home.archive)) as archive:
            archive.save_dialogs(await dialogs_of(client))


def login_to(sandbox: Sandbox, home: Home, wire: str = "") -> Login:
    """The login of this home, at the server or at what stands before it."""
    host, port = (wire or sandbox.address).split(":")
    server = Server(host, int(port), sandbox.dc, sandbox.public_key)
    return Login(sandbox.town.api_id, sandbox.town.api_hash, home.session, server)
