"""A home folder logged in to a small town, and a live client over it: what the tests of the live room start from.

Everything is real but the words of the model: Telethon speaks TCP to the sandbox, rows lie in SQLite files.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.bubbles import Bubble, Bubbles
from bot.clocks import Clocks
from bot.control import Control
from bot.guard import Guard
from bot.home import Home
from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.respond import Confidence, Generator, Responder
from bot.review import Review
from bot.run import run
from bot.settings import LiveSettings, PullSettings, Settings
from bot.suggestion import State, Suggestion, Suggestions
from bot.writing import Writing
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog
from data.samples import Shape
from data.telegram import Login
from data.transcript import Scope
from sandbox.clock import Clock
from sandbox.server import Sandbox
from tests.entering import enter
from tests.fakes import HandClock, RecordedGenerator, recorded_adapter, sure
from training.adapter import Adapter

RECORDED = recorded_adapter()
QUICK = {"debounce_seconds": 0.2, "bubble_seconds": 0.0, "chat_seconds": 0.0, "owner_seconds": 0.0}


@dataclass
class Household:
    """One home, its server, and what the running client said."""

    sandbox: Sandbox
    home: Home
    settings: Settings
    login: Login
    events: list[dict[str, Any]] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def owner_id(self) -> int:
        return self.sandbox.town.owner_id

    @property
    def contacts(self) -> list[int]:
        """People the owner chats with."""
        with self.archive() as archive:
            return [dialog.id for dialog in archive.dialogs() if dialog.with_a_person]

    def archive(self) -> "_Closing":
        return _Closing(Archive(self.home.archive))

    def live(self) -> "_Closing":
        return _Closing(LiveDb(self.home.live))

    def allow(self, dialog_id: int, mode: Mode, scope: Scope = Scope.CHAT, members: Iterable[int] = ()) -> None:
        """Record a consent, in a group of these members, and list the chat."""
        with self.archive() as archive, self.live() as live:
            Ledger(archive).grant(dialog_id, scope, "test", "test", datetime.now(UTC))
            for member in members:
                Ledger(archive).grant_member(dialog_id, member, "test", "test", datetime.now(UTC))
            dialog = archive.dialog(dialog_id)
            assert dialog is not None
            newest = max((message.id for message in archive.recent(dialog_id, 1)), default=0)
            Policy(live, self.settings.live).set_mode(dialog, mode, datetime.now(UTC), newest)

    def emit(self, event: str, **fields: Any) -> None:
        self.events.append({"event": event, **fields})
        self._heard.set()

    async def heard(self, event: str, times: int = 1, within: float = 120, **fields: Any) -> dict[str, Any]:
        """Wait until an event with these fields was emitted `times` times."""
        async with asyncio.timeout(within):
            while True:
                self._heard.clear()
                found = [e for e in self.events if e["event"] == event and fields.items() <= e.items()]
                if len(found) >= times:
                    return found[times - 1]
                await self._heard.wait()

    @asynccontextmanager
    async def running(
        self,
        generator: Generator | None = None,
        confidence: Confidence = sure,
        adapter: Adapter | None = RECORDED,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        writing: Writing | None = None,
    ) -> AsyncIterator[None]:
        """A live client; every listed chat has been read once when this begins."""
        stop = asyncio.Event()
        archive = Archive(self.home.archive)
        writer = generator or RecordedGenerator()
        responder = Responder(archive, writer, confidence, Guard(), Shape(), self.home.key(), candidates=1)
        self.events.clear()
        task = asyncio.create_task(
            run(self.home, self.settings, self.login, responder, adapter, self.emit, stop, Clocks(now), writing)
        )
        try:
            ready = asyncio.create_task(self._ready(archive))
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                ready.cancel()
                task.result()
            yield
        finally:
            stop.set()
            await task
            archive.close()

    async def _ready(self, archive: Archive) -> None:
        allowed = [d for d, consent in Ledger(archive).active().items() if consent.scope is Scope.CHAT]
        await self.heard("started")
        for dialog_id, mode in self.modes().items():
            dialog = archive.dialog(dialog_id)
            if dialog_id in allowed and mode is not Mode.OFF and dialog and dialog.may_be_answered:
                await self.heard("watching", dialog=dialog_id)

    def modes(self) -> dict[int, Mode]:
        with self.live() as live:
            return Policy(live, self.settings.live).modes(datetime.now(UTC))

    def suggestions(self, *states: State) -> list[Suggestion]:
        with self.live() as live:
            return Suggestions(live).in_state(*(states or tuple(State)))

    def outcomes(self) -> dict[tuple[int, int], str | None]:
        """The outcome of every incoming message."""
        with self.live() as live:
            rows = live.db.execute("SELECT dialog_id, message_id, outcome FROM inbox")
            return {(row[0], row[1]): row[2] for row in rows}

    def delivered(self, to: int | None = None) -> list[str]:
        """The texts that the owner's account sent to contacts, as the server saw them."""
        return [
            each.text
            for each in self.sandbox.journal.deliveries
            if each.sender_id == self.owner_id
            and each.peer_id != self.owner_id
            and each.via_session is not None
            and (to is None or each.peer_id == to)
        ]


class _Closing:
    """Opens a store for a few lines of a test."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __enter__(self) -> Any:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


@asynccontextmanager
async def household(sandbox: Sandbox, path: Path, **live: Any) -> AsyncIterator[Household]:
    """A home in `path`, logged in as the town's owner, with the list of chats and no consent yet."""
    home = Home.at(path / "home")
    town = sandbox.town
    town.clock = Clock(datetime.now(UTC))  # a client judges by its own clock how old a message is
    settings = Settings(
        home=home.path,
        api_id=town.api_id,
        api_hash=town.api_hash,
        live=LiveSettings(**(QUICK | live)),
        pull=PullSettings(requests_per_second=1000),
    )
    login, _ = await enter(sandbox, home)
    yield Household(sandbox, home, settings, login)


def person(house: Household, index: int = 0) -> Dialog:
    """One of the people."""
    with house.archive() as archive:
        people = [dialog for dialog in archive.dialogs() if dialog.with_a_person]
        return sorted(people, key=lambda dialog: dialog.id)[index]


def now() -> datetime:
    return datetime.now(UTC)


async def approved(house: Household, clock: HandClock, messages: int = 1) -> None:
    """Let the time pass in which more could be written, and wait for the reply to these messages: no bubble of it is
    due before the clock is moved on."""
    await house.heard("incoming", times=messages)
    clock.forward(house.settings.live.debounce_seconds + 0.1)
    await house.heard("approved")


def review(house: Household, do: str, *texts: list[str]) -> bool:
    """One decision in the terminal, as another process would make it."""
    with house.archive() as archive, house.live() as live:
        desk = Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now)
        (card,) = desk.waiting()
        return bool(getattr(desk, do)(card, *texts))


NO_WAIT = timedelta(0)


async def settle(seconds: float = 1.0) -> None:
    """Give the client time to do what it must not do."""
    await asyncio.sleep(seconds)


async def until(holds: Callable[[], bool], within: float = 120) -> None:
    """Wait for something no event tells of."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def paused(house: Household) -> bool:
    with house.live() as live:
        return Control(live).paused(now())


def told(house: Household) -> list[str]:
    """What the twin said to the owner, in Saved Messages."""
    deliveries = house.sandbox.journal.deliveries
    return [d.text for d in deliveries if d.peer_id == house.owner_id and d.via_session is not None]


def approved_row(bubbles: Bubbles) -> Bubble:
    """The one suggestion that waits, approved and on its way: its first bubble."""
    (offered,) = bubbles.suggestions.in_state(State.OFFERED)
    approved = bubbles.suggestions.move(offered, State.APPROVED, now())
    assert approved
    assert bubbles.plan(approved)
    return bubbles.next()[0]
