"""A home that is logged in to a street, and a live client over it: what every check of `bench.live` starts from.

All of it is real but the model's words. Each house is poured from the same mould, with a town, a server and files of
its own.
"""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.live.moments import Arrivals, LoopClock
from bench.live.mould import Mould, log_in, login_to
from bench.live.recording import Recording, recorded_adapter, sure
from bench.live.street import FIRST, OWNER, street
from bot.clocks import Clocks
from bot.guard import Guard
from bot.home import Home
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.respond import Responder
from bot.run import run
from bot.settings import LiveSettings, PullSettings, Settings
from data.archive import Archive
from data.consent import Ledger
from data.samples import Shape
from data.telegram import Login
from data.transcript import Scope
from sandbox.clock import TUESDAY
from sandbox.journal import Delivery
from sandbox.server import Sandbox

GUARD = Guard()
"""It reads its word lists once."""
UNCAPPED: dict[str, Any] = {
    "chat_hour": 10**6,
    "chat_day": 10**6,
    "all_day": 10**6,
    "chat_seconds": 0.0,
    "in_a_row": 10**6,
    "quick_answers": 10**6,
    "owner_seconds": 0.0,
    "auto_days": 10**6,
}
"""No limit on automatic replies: where something else is measured."""


@dataclass
class House:
    """One home, its server, and what its client has told of."""

    sandbox: Sandbox
    home: Home
    settings: Settings
    clock: LoopClock
    """The client's own; the town has another."""
    recording: Recording = field(default_factory=Recording)
    look: float = 0.1
    wire: str = ""
    """Where the client finds its server, if there is something in between."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each event was told of."""
    hear: Callable[..., None] | None = None
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _client: asyncio.Task[None] | None = None

    @property
    def chats(self) -> list[int]:
        """The people the owner chats with."""
        return [account.id for account in self.sandbox.town.contacts]

    @property
    def town_people(self) -> list[int]:
        """Everybody in the town who is a person."""
        return [*self.chats, OWNER]

    @cached_property
    def rows(self) -> LiveDb:
        """The live client's rows, opened once more, as another process would."""
        return LiveDb(self.home.live)

    @cached_property
    def archive(self) -> Archive:
        """The archive, opened once more."""
        return Archive(self.home.archive)

    def close(self) -> None:
        """Close them."""
        for store in (self.rows, self.archive):
            store.close()

    def count(self, query: str) -> int:
        """The one number that a query of the rows gives."""
        return int(self.rows.db.execute(query).fetchone()[0])

    def allow(self, dialog_id: int, mode: Mode) -> None:
        """Record a consent, if there is none, and list the chat."""
        now = self.clock.now()
        if Ledger(self.archive).of(dialog_id) is None:
            Ledger(self.archive).grant(dialog_id, Scope.CHAT, "bench", "bench", now)
        dialog = self.archive.dialog(dialog_id)
        assert dialog
        newest = max((message.id for message in self.archive.recent(dialog_id, 1)), default=0)
        Policy(self.rows, self.settings.live).set_mode(dialog, mode, now, newest)

    def emit(self, event: str, **fields: Any) -> None:
        """What the client tells of."""
        self.counts[event] += 1
        if self.hear:
            self.hear(event, **fields)
        self._told.set()

    async def until(self, holds: Callable[[], bool], within: float = 60.0) -> bool:
        """Wait until this holds, which is looked at after each event and now and then; False when it does not."""
        clock = asyncio.get_running_loop().time
        end = clock() + within
        while not holds():
            if clock() > end or self.ended:
                return holds()
            self._told.clear()
            try:
                async with asyncio.timeout(self.look / 4):
                    await self._told.wait()
            except TimeoutError:
                pass
        return True

    # --- the client

    @property
    def login(self) -> Login:
        """The owner's login."""
        return login_to(self.sandbox, self.home, self.wire)

    @property
    def ended(self) -> bool:
        """Whether the client ended by itself, which it never should."""
        return self._client is not None and self._client.done()

    @property
    def running(self) -> bool:
        """Whether there is a client."""
        return self._client is not None and not self._client.done()

    def start(self) -> None:
        """Start a client."""
        self._stop = asyncio.Event()
        self._client = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        with closing(Archive(self.home.archive)) as archive:
            responder = Responder(archive, self.recording, sure, GUARD, Shape(), self.home.key(), candidates=1)
            adapter, clocks = recorded_adapter(), Clocks(self.clock.now, asyncio.get_running_loop().time)
            await run(
                self.home, self.settings, self.login, responder, adapter, self.emit, self._stop, clocks, look=self.look
            )

    async def stop(self) -> None:
        """Let it end, and raise what ended it."""
        self._stop.set()
        if self._client:
            client, self._client = self._client, None
            await client

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """A client that has read every listed chat when this begins."""
        before = self.counts["watching"]
        self.start()
        try:
            listed = len(set(Policy(self.rows, self.settings.live).modes(self.clock.now())) & set(self.town_people))
            if not await self.until(lambda: self.counts["watching"] >= before + listed, 60 + 60 * self.look):
                raise SystemExit("the client does not get to its work")
            yield
        finally:
            await self.stop()

    # --- what came of it

    def delivered(self) -> list[Delivery]:
        """What the twin's own login sent to anybody but its owner."""
        return [each for each, _ in self.arrivals()]

    def arrivals(self, first: int = 0) -> list[tuple[Delivery, float]]:
        """The same with their moments; those alone that came after the `first` messages of all."""
        every = self.sandbox.journal.deliveries
        assert isinstance(every, Arrivals)
        return [
            (each, at)
            for each, at in zip(every[first:], every.moments[first:], strict=True)
            if each.via_session is not None and each.sender_id == OWNER and each.peer_id != OWNER
        ]

    @property
    def sent(self) -> list[tuple[int, int, str]]:
        """Suggestion, chat and text of every automatic bubble that arrived."""
        rows = self.rows.db.execute(
            "SELECT suggestion_id, outbox.dialog_id, text FROM outbox"
            " JOIN suggestions ON suggestions.id = suggestion_id WHERE outbox.state = 'sent' AND surface = 'auto'"
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def town_time(self, moment: float) -> datetime:
        """The server's time at a moment of the loop."""
        now = asyncio.get_running_loop().time()
        return self.sandbox.town.clock.now() - timedelta(seconds=now - moment)

    def misrouted(self) -> int:
        """Messages of the twin that arrived in another chat than the one they were written for."""
        return sum(self.recording.said.get(each.text) != each.peer_id for each in self.delivered())

    def to_machines(self) -> int:
        """Messages to whoever is no person."""
        people = set(self.chats)
        return sum(each.peer_id not in people for each in self.delivered())

    def doubled(self) -> int:
        """Messages that arrived more than once. Each text was made for one bubble alone."""
        return sum(times - 1 for times in Counter(each.text for each in self.delivered()).values())


@asynccontextmanager
async def house(
    from_: Mould,
    path: Path,
    modes: dict[int, Mode] | None = None,
    look: float = 0.1,
    start: datetime = TUESDAY,
    **live: Any,
) -> AsyncIterator[House]:
    """A fresh house in `path`, which is removed at the end. `modes` by the contact's number, all in auto by default."""
    shutil.copytree(from_.folder, path)
    try:
        sandbox = Sandbox(street(LoopClock(start), from_.contacts))
        sandbox.journal.deliveries = Arrivals()
        sandbox.logins = {key: copy(login) for key, login in from_.logins.items()}
        async with sandbox:
            settings = Settings(
                home=path,
                api_id=sandbox.town.api_id,
                api_hash=sandbox.town.api_hash,
                live=LiveSettings(**{"bubble_seconds": 0.0, "debounce_seconds": 0.2, **live}),
                pull=PullSettings(requests_per_second=1000),
            )
            made = House(sandbox, Home.at(path), settings, LoopClock(start), look=look)
            _forget_updates(made)
            for number, mode in (modes or dict.fromkeys(range(from_.contacts), Mode.AUTO)).items():
                made.allow(FIRST + number, mode)
            made.clock.advance(1)
            sandbox.town.clock.advance(1)
            with closing(made):
                yield made
    finally:
        shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def joined(first: House, account: int, path: Path) -> AsyncIterator[House]:
    """The house of somebody else in the same town, with the same settings, whose chat with the first one's owner is in
    auto."""
    home = Home.at(path)
    await log_in(first.sandbox, home, account)
    other = House(first.sandbox, home, first.settings.model_copy(update={"home": path}), first.clock, look=first.look)
    with closing(other):
        other.allow(OWNER, Mode.AUTO)
        await asyncio.sleep(1)
        yield other


def _forget_updates(made: House) -> None:
    """The town is new, so its numbers of updates begin anew."""
    pts = made.sandbox.town.boxes[OWNER].pts
    with closing(sqlite3.connect(made.home.session)) as session, session:
        session.execute("DELETE FROM update_state WHERE id != 0")
        session.execute("UPDATE update_state SET pts = ?, date = ?", (pts, int(datetime.now(UTC).timestamp())))
