"""A pull in a process of its own, to be killed: session, archive, host:port, api id and hash are arguments."""

import asyncio
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

from data.archive import Archive
from data.message import Dialog
from data.pull import Account, Pace
from data.telegram import Login, Server, connect


class Silent:
    """Nothing is shown, but that it goes on."""

    def page(self, dialog: Dialog, messages: int) -> None:
        pass

    def waiting(self, seconds: float, until: datetime) -> None:
        pass

    def done(self, dialog: Dialog) -> None:
        pass

    def note(self, words: str) -> None:
        pass


async def pull(session: str, archive_file: str, address: str, api_id: str, api_hash: str) -> None:
    host, port = address.split(":")
    server = Server(host, int(port), 2, sys.stdin.read())
    login = Login(int(api_id), api_hash, Path(session), server)
    with closing(Archive(Path(archive_file))) as archive:
        async with connect(login) as client:
            print("connected", flush=True)  # noqa: T201
            account = Account(client, archive, Silent(), Pace(1e9, rate=1e9))
            await account.look()
            await account.bring([], account.allowed(archive.dialogs()))


if __name__ == "__main__":
    asyncio.run(pull(*sys.argv[1:]))
