"""The demo's Telegram: the sandbox, in a thread of this process, so that the demo can be the contacts' hands."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

from data.errors import ExitCode, UserError


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that went out."""

    peer: int
    random_id: int | None
    text: str


class TownHall:
    """A running sandbox with the corpus town, or an invented one. Everything else reaches it over TCP, as it would
    reach Telegram."""

    def __init__(self, *, invented: bool = False) -> None:
        try:
            from sandbox.cast import corpus_town
            from sandbox.server import Sandbox
            from sandbox.stage import stage_town

            self.sandbox = Sandbox(stage_town() if invented else corpus_town())
        except ImportError as error:
            raise UserError(
                f"The demo's chats are not installed ({error.name} is missing).",
                "Run: make demo, or: pip install 'doppelgram[demo]'",
                ExitCode.CONFIGURATION,
            ) from error
        self.town = self.sandbox.town
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self.sandbox.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.sandbox.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, act: Coroutine[Any, Any, Any]) -> Any:
        """Let something happen in the town, and wait for it."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(60)

    def say(self, contact_id: int, text: str) -> int:
        """A contact writes to the owner."""
        return int(self.do(self.sandbox.say(contact_id, self.town.owner_id, text)))

    @property
    def machines(self) -> frozenset[int]:
        """Everybody in the town who is no living person, and its groups and channels."""
        everybody = self.town.accounts.values()
        nobody = (each.id for each in everybody if each.bot or each.support or each.deleted)
        return frozenset((*nobody, *self.town.chats))

    @property
    def delivered(self) -> list[Sent]:
        """What the twin's login delivered to others, as the server saw it."""
        return [Sent(each.peer_id, each.random_id, each.text) for each in self.log]

    @property
    def log(self) -> list[Any]:
        """The server's log of it, with the times."""
        return [
            each
            for each in self.sandbox.journal.deliveries
            if each.sender_id == self.town.owner_id
            and each.peer_id != self.town.owner_id
            and each.via_session is not None
        ]

    @property
    def incoming(self) -> list[tuple[int, int]]:
        """Who wrote to the owner since the town was opened, and the message's id in the owner's box."""
        owner = self.town.owner_id
        return [
            (each.sender_id, self.town.boxes[each.sender_id].posts[each.message_id].ids[owner])
            for each in self.sandbox.journal.deliveries
            if each.peer_id == owner and each.sender_id != owner
        ]
