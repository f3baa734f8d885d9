"""The live client: Telethon's events in, the twin's loop, the outbox out.

A handler only converts, saves and enqueues. Events may come twice, late or not at all: see `bot.reconciler`.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from telethon import events, utils
from telethon.tl import types

from bot.control import SavedMessages
from bot.lapses import EVERY, Lapses
from bot.reconciler import Reconciler
from bot.twin import Twin
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.owner import Owner
from data.telegram import TROUBLE, Client, explain, hear, is_withheld, readable_errors, to_dialog

LOOK = 0.1
"""Seconds between two looks at the rows: what another process wrote is noticed within this time."""
SHORTEST = 0.005
"""Seconds between two looks at the least, however soon something is due."""
Hear = Callable[[Message], None]


@dataclass(slots=True)
class Live:
    """One running client. `commands` gets what the owner types into Saved Messages; `demand_fit` raises UserError once
    the adapter that speaks may no longer be used; `errands` does what other processes ask for; `lapses` tells of what
    ended by itself."""

    client: Client
    twin: Twin
    owner: Owner
    reconciler: Reconciler
    commands: SavedMessages
    demand_fit: Callable[[], None]
    errands: Callable[[], Awaitable[None]]
    lapses: Lapses
    look: float = LOOK
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: bool = False
    _lapses_from: float = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. Raises UserError when the login has ended."""
        self._running = True
        self._subscribe()
        self.twin.emit("started", owner=self.owner.user_id)
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(loop)
            for loop in (
                self.reconciler.run(),
                self._looking(self._answer),
                self._looking(self._deliver, first=self.twin.outbox.recover),
                self._looking(self._tell),
                self._looking(self.errands),
                self._watch_switches(),
                self._cut_off(),
                stop.wait(),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            with readable_errors():
                for task in done:
                    task.result()
        finally:
            self.twin.writing.interrupt()
            await end(tasks)
            self._running = False
            self.twin.writing.close()
            self.twin.emit("stopped")

    # --- events

    def _subscribe(self) -> None:
        on = self.client.add_event_handler
        on(self._on_message, events.NewMessage())
        on(self._on_edit, events.MessageEdited())
        on(self._on_delete, events.MessageDeleted())
        on(self._on_typing, events.UserUpdate())
        on(self._on_draft, events.Raw(types.UpdateDraftMessage))

    async def _on_message(self, event: Any) -> None:
        if event.out and event.chat_id == self.owner.user_id:
            await self.commands(event.message)
        elif dialog := await self._chat_of(event):
            self._note(dialog, event, own=self.twin.hearing.own, theirs=self.twin.hearing.incoming)
            self._wake.set()

    async def _on_edit(self, event: Any) -> None:
        if dialog := await self._chat_of(event):
            self._note(dialog, event, own=self.twin.hearing.edited, theirs=self.twin.hearing.edited)

    def _note(self, dialog: Dialog, event: Any, own: Hear, theirs: Hear) -> None:
        try:
            # A consent that another process takes back ends before this message or after it, never in between.
            with self.twin.archive.transaction():
                if not self._listens(dialog, event):
                    return
                if dialog.id < 0 and event.sender is None and event.message.from_id:
                    self.reconciler.missed(dialog.id)  # who wrote it is not known here: the reading brings both
                elif message := self._kept(dialog, event):
                    own(message) if message.mine else theirs(message)
                elif is_withheld(event.message):
                    self.twin.hearing.withheld(dialog.id, event.message.id, event.raw_text or "", mine=bool(event.out))
        except sqlite3.Error as error:  # a full disk, say: Telegram still has the message, so the chat is read again
            self.reconciler.missed(dialog.id)
            self.twin.emit("trouble", error=type(error).__name__)

    def _kept(self, dialog: Dialog, event: Any) -> Message | None:
        """The message as far as the chat's consent allows to keep it; None where it is never kept."""
        heard = hear([event.message], [event.sender] if event.sender else [])
        consent = Ledger(self.twin.archive).of(dialog.id)
        if dialog.id < 0:
            self.twin.archive.save_people(person for person in heard.people if person.kind is not Kind.SELF)
        return next(iter(consent.allows(heard.messages)), None) if consent else None

    async def _on_delete(self, event: Any) -> None:
        try:
            self.twin.hearing.deleted(event.deleted_ids, event.chat_id)
        except sqlite3.Error as error:  # a full disk, say: the next reading of the chats shows it again
            self.reconciler.missed()
            self.twin.emit("trouble", error=type(error).__name__)

    async def _on_typing(self, event: Any) -> None:
        if event.typing and event.user_id and event.is_private:
            self.twin.hearing.typing(event.user_id)

    async def _on_draft(self, update: types.UpdateDraftMessage) -> None:
        if update.top_msg_id:
            return  # a topic has a box of its own, where the twin places nothing
        dialog_id = utils.get_peer_id(update.peer)
        self.twin.drafts.begun(dialog_id, update.draft)
        self._wake.set()
        if not getattr(update.draft, "message", ""):
            # Sending empties the box too, and its message may come a moment later.
            lay_there = self.twin.hearing.in_box(dialog_id)
            asyncio.get_running_loop().call_later(2, self._draft_cleared, lay_there)

    def _draft_cleared(self, lay_there: Sequence[int]) -> None:
        if self._running:  # it may have ended meanwhile, and its rows be closed
            self.twin.hearing.draft_cleared(lay_there)

    async def _chat_of(self, event: Any) -> Dialog | None:
        """The private chat or group that this happened in."""
        if not event.is_private and not event.is_group:
            return None
        dialog = self.twin.archive.dialog(event.chat_id)
        if dialog is None:
            dialog = to_dialog(await event.get_chat())
            if dialog.id != event.chat_id:  # Telethon may take a channel of the same number for it
                return None
            self.twin.archive.save_dialogs([dialog])
        return dialog

    def _listens(self, dialog: Dialog, event: Any) -> bool:
        """Whether this chat is one the twin listens to, and this is no history that Telethon brings again."""
        since = self.twin.listening.since(dialog.id)
        return self.twin.listening.to(dialog.id) and since is not None and event.message.id > since

    # --- loops

    async def _looking(
        self, look: Callable[[], Awaitable[float | None]], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Look again and again; what the network does never ends the loop. A look may tell in how many seconds there
        will be something to do."""
        while True:
            wait = None
            try:
                if first:
                    await first()
                    first = None
                wait = await look()
            except TROUBLE as error:
                if (told := explain(error)) and told.code in (3, 4):
                    raise told from error
                self.twin.emit("trouble", error=type(error).__name__)
                await asyncio.sleep(1)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                # not `wait_for`, which before Python 3.12 may lose a cancellation
                async with asyncio.timeout(self.look if wait is None else min(self.look, max(SHORTEST, wait))):
                    await self._wake.wait()

    async def _answer(self) -> float | None:
        if await self.twin.step():
            self._wake.set()  # what was approved leaves now, not at the next look
        return self.twin.inbox.next_quiet(self.twin.now())

    async def _deliver(self) -> float | None:
        await self.twin.tidy(self.reconciler.up_to_date)
        while (wait := await self.twin.outbox.step(self.reconciler.up_to_date)) == 0.0:
            pass
        return wait

    async def _cut_off(self) -> None:
        """Telethon connects anew for ever, but not where the server turns the login away, or has too many connections:
        then nothing would ever happen again. Raises why."""
        await self.client.disconnected
        raise ConnectionError("Telethon has given up")

    async def _tell(self) -> None:
        if (clock := asyncio.get_running_loop().time()) >= self._lapses_from:
            self._lapses_from = clock + EVERY
            self.lapses.look(self.twin.outbox.clocks.there())
        await self.twin.notices.tell(self.twin.outbox.to_owner, self.lapses.words)

    async def _watch_switches(self) -> None:
        """Stop a reply in the making as soon as somebody pauses or silences its chat, here or in another process; what
        the model has read of a chat is dropped when the twin no longer listens there."""
        writing, generator = self.twin.writing, self.twin.responder.generator
        before: set[int] = set()
        while True:
            self.demand_fit()
            if self.twin.control.paused(self.twin.now()):
                writing.interrupt()
                self.twin.outbox.recall()
            listed = {dialog.id for dialog in self.twin.listening.dialogs()}
            for gone in before - listed:
                writing.outdate(gone)
                writing.afterwards(partial(generator.forget, gone))
                self._wake.set()
            before = listed
            await asyncio.sleep(self.look)


async def end(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel these until every one has ended: a library may swallow a cancellation that comes as a wait succeeds."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1)
    await asyncio.gather(*tasks, return_exceptions=True)
