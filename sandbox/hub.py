"""What every act needs from the sandbox: the town, the journal, and a way to tell everybody.

It is the sandbox without its sockets.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from telethon.tl import types

from sandbox.box import Post
from sandbox.codes import Code
from sandbox.faults import Faults
from sandbox.journal import Asked, Delivery, Event, Journal
from sandbox.limits import Limits
from sandbox.session import Login, Session
from sandbox.town import Town
from sandbox.view import View


class Hub:
    """Logins, open sessions, and what is pushed to them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.faults = Faults()
        self.limits = Limits()
        self.journal = Journal()
        self.logins: dict[bytes, Login] = {}
        self.codes: dict[str, Code] = {}
        self.failures: list[Exception] = []
        """What went wrong inside the sandbox itself: a test can ask that it is empty."""
        self.open_sessions: dict[Session, None] = {}
        self.taps: dict[int, tuple[int, asyncio.Future[Any]]] = {}
        """Buttons pressed and not answered yet: query id -> the bot, and where its answer goes."""

    @property
    def log(self) -> list[Delivery]:
        """Every message accepted into the town since it opened."""
        return self.journal.deliveries

    @property
    def events(self) -> list[Event]:
        """Everything else that people did."""
        return self.journal.events

    @property
    def calls(self) -> Counter[str]:
        """How often each request was made, by class name."""
        return self.journal.calls

    @property
    def requests(self) -> list[Asked]:
        """The same requests one by one, with their times and logins."""
        return self.journal.requests

    def sessions(self, account_id: int) -> list[Session]:
        """The open sessions of an account."""
        return [session for session in self.open_sessions if session.login.account_id == account_id]

    def tell(
        self,
        account_id: int,
        updates: list[Any],
        *,
        posts: Iterable[Post] = (),
        peers: Iterable[int] = (),
        but: Session | None = None,
    ) -> None:
        """Push updates to every connected login of an account, but not to the session that caused them."""
        heard = [s for s in self.sessions(account_id) if s.wants_updates and s is not but]
        if heard:
            cast = View(self.town, account_id).cast(peers, posts)
            packet = types.Updates(updates=updates, date=self.town.clock.now(), seq=0, **cast)
            self._push(heard, packet)

    def tell_short(self, account_id: int, update: Any) -> None:
        """Push one update that needs no introductions and leaves no trace in the box."""
        heard = [s for s in self.sessions(account_id) if s.wants_updates]
        self._push(heard, types.UpdateShort(update, self.town.clock.now()))

    def _push(self, sessions: list[Session], packet: Any) -> None:
        for session in sessions:
            self.faults.pass_update(partial(_push_if_open, session, packet))


def _push_if_open(session: Session, packet: Any) -> None:
    if session.open:
        session.push(packet)
