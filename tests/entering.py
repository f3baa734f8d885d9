"""A login that is there already, made in this process, for tests whose claim begins after it. What the verb `login`
does, says and refuses is tried with the verb itself."""

from contextlib import closing
from datetime import UTC, datetime

from bot import account
from bot.home import Home
from bot.listening import LOGGED_IN_AT
from data.owner import Owner
from data.telegram import Login, Server, connect, dialogs_of, log_in_by_code
from sandbox.server import Sandbox


async def enter(sandbox: Sandbox, home: Home) -> tuple[Login, Owner]:
    """Log in as the town's owner by code and password, and note the chats."""
    town = sandbox.town
    host, port = sandbox.address.split(":")
    login = Login(town.api_id, town.api_hash, home.session, Server(host, int(port), sandbox.dc, sandbox.public_key))

    async def answer(question: str, _hidden: bool) -> str:
        if "assword" in question:
            assert town.owner.password
            return town.owner.password
        return sandbox.code_for(town.owner.phone or "")

    async with connect(login) as client:
        owner = await log_in_by_code(client, f"+{town.owner.phone}", answer)
        with closing(home.open_archive()) as archive:
            archive.save_dialogs(await dialogs_of(client))
    return login, owner


async def enter_for_good(sandbox: Sandbox, home: Home) -> None:
    """The same, and note whose home it is and since when, as the verb does."""
    _, owner = await enter(sandbox, home)
    with closing(home.open_archive()) as archive:
        account.claim(archive, owner)
        archive.set_fact(LOGGED_IN_AT, str(datetime.now(UTC).timestamp()))
