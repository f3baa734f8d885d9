"""An account of a town, a client that is logged in to it and an archive: what the tests of a whole pull begin with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog
from data.pull import Account, Pace
from data.telegram import Login, Server, connect, log_in_by_code
from data.transcript import Scope
from sandbox.server import Sandbox
from sandbox.town import Town


@dataclass
class Told:
    """Writes down what it is told."""

    finished: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def page(self, dialog: Dialog, messages: int) -> None:
        pass

    def waiting(self, seconds: float, until: datetime) -> None:
        self.waits.append(seconds)

    def done(self, dialog: Dialog) -> None:
        self.finished.append(dialog.id)

    def note(self, words: str) -> None:
        self.notes.append(words)


@dataclass
class Scene:
    """A town, a client that is logged in, and an archive."""

    sandbox: Sandbox
    client: Any
    archive: Archive

    def allow(self, *ids: int, scope: Scope = Scope.CHAT) -> None:
        for dialog_id in ids:
            Ledger(self.archive).grant(dialog_id, scope, "test", "test", datetime.now(UTC))

    def account(self, told: Told | None = None) -> Account:
        async def at_once(_seconds: float) -> None:
            await asyncio.sleep(0)

        return Account(self.client, self.archive, told or Told(), Pace(1e9, sleep=at_once, rate=1e9))

    async def pull(self, *names: int, told: Told | None = None, takeout: bool = False) -> Any:
        """These chats by name, or all of them."""
        account = self.account(told)
        await account.look()
        named = [dialog for dialog in self.archive.dialogs() if dialog.id in names]
        others = [] if names else account.allowed(self.archive.dialogs())
        async with account.takeout() if takeout else contextlib.nullcontext():
            await account.bring(named, others)
        return account.report

    def agrees(self, *ids: int) -> bool:
        """Whether the archive holds the texts that the server shows."""
        return all(self.here(i) == [line.text for line in self.sandbox.texts(i) if line.text] for i in ids)

    def here(self, dialog_id: int) -> list[str]:
        return [message.text for message in self.archive.messages(dialog_id) if message.text]


@asynccontextmanager
async def scene(town: Town, path: Path) -> AsyncIterator[Scene]:
    async with Sandbox(town) as sandbox:
        host, port = sandbox.address.split(":")
        server = Server(host, int(port), sandbox.dc, sandbox.public_key)

        async def code(_question: str, _hidden: bool) -> str:
            return sandbox.code_for(town.owner.phone or "")

        async with connect(Login(town.api_id, town.api_hash, path / "account.session", server)) as client:
            await log_in_by_code(client, f"+{town.owner.phone}", code)
            with contextlib.closing(Archive(path / "archive.db")) as archive:
                yield Scene(sandbox, client, archive)
        assert not sandbox.failures
