"""The live client: Telethon's events in, the twin's loop, the outbox out.

A handler only converts, saves and enqueues. Events may come twice, late or not at all, so a reconciler re-reads recent
history of the listed chats at the start, after a reconnect, and every few minutes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from telethon import errors, events
from telethon.tl import types

from bot.twin import Twin
from data.errors import UserError
from data.message import Dialog, Message
from data.pull import Pace, Puller
from data.telegram import Client, Owner, explain, to_dialog, to_message

LOOK = 0.1
"""Seconds between two looks at the rows: what another process wrote is noticed within this time."""
RECONCILE = 180.0
"""Seconds between two readings of recent history."""
PASSING = (ConnectionError, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, errors.ServerError)
"""What a network does; the next look tries again."""


@dataclass(slots=True)
class Live:
    """One running client. `commands` gets what the owner types into Saved Messages."""

    client: Client
    twin: Twin
    owner: Owner
    pace: Pace
    commands: Callable[[Any], Awaitable[bool]]
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _watched: set[int] = field(default_factory=set)
    _reconnections: int = 0
    _fatal: asyncio.Future[None] = field(init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. Raises UserError when the login has ended."""
        self._fatal = asyncio.get_running_loop().create_future()
        self._subscribe()
        self.twin.emit("started", owner=self.owner.user_id)
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(loop)
            for loop in (
                self._reconciling(),
                self._looking(self.twin.step),
                self._looking(self._deliver, first=self.twin.outbox.recover),
                self._watch_switches(),
                stop.wait(),
            )
        ]
        try:
            done, _ = await asyncio.wait([*tasks, self._fatal], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.twin.interrupt()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._fatal.cancel()
            self.twin.close()
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
            # A consent that another process takes back ends before this message or after it, never in between.
            with self.twin.archive.transaction():
                if message := self._heard(dialog, event):
                    if message.mine:
                        self.twin.own(message)
                    else:
                        self.twin.incoming(message)
                    self._wake.set()

    async def _on_edit(self, event: Any) -> None:
        if dialog := await self._chat_of(event):
            with self.twin.archive.transaction():
                if message := self._heard(dialog, event):
                    self.twin.edited(message)

    async def _on_delete(self, event: Any) -> None:
        if event.chat_id is None:
            self.twin.deleted(event.deleted_ids)

    async def _on_typing(self, event: Any) -> None:
        if event.typing and event.user_id:
            self.twin.typing(event.user_id)

    async def _on_draft(self, update: types.UpdateDraftMessage) -> None:
        text = getattr(update.draft, "message", "")
        if not text and isinstance(update.peer, types.PeerUser):
            # Sending empties the box too, and its message may come a moment later.
            asyncio.get_running_loop().call_later(2, self.twin.draft_cleared, update.peer.user_id)

    async def _chat_of(self, event: Any) -> Dialog | None:
        """The private chat that this happened in."""
        if not event.is_private:
            return None
        dialog = self.twin.archive.dialog(event.chat_id)
        if dialog is None:
            dialog = to_dialog(await event.get_chat())
            self.twin.archive.save_dialogs([dialog])
        return dialog

    def _heard(self, dialog: Dialog, event: Any) -> Message | None:
        """The message, if this chat is one the twin listens to, and it is not history that Telethon brings again."""
        since = self.twin.inbox.watched_since(dialog.id)
        if not self.twin.listens_to(dialog) or since is None or event.message.id <= since:
            return None
        return to_message(dialog.id, event.message)

    # --- loops

    async def _looking(
        self, look: Callable[[], Awaitable[None]], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Look again and again; what the network does never ends the loop."""
        while True:
            try:
                if first:
                    await first()
                    first = None
                await look()
            except (*PASSING, errors.RPCError) as error:
                if (told := explain(error)) and told.code in (3, 4):
                    raise told from error
                self.twin.emit("trouble", error=type(error).__name__)
                await asyncio.sleep(1)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK)

    async def _deliver(self) -> None:
        await self.twin.tidy()
        while await self.twin.outbox.step(self._up_to_date) == 0.0:
            pass

    def _up_to_date(self, dialog_id: int) -> bool:
        """Whether this chat's history has been read since we connected; one that is not listed needs no reading."""
        if self.client.reconnections != self._reconnections:
            return False
        return dialog_id in self._watched or all(dialog.id != dialog_id for dialog in self._listed())

    async def _watch_switches(self) -> None:
        """Stop a reply in the making as soon as somebody pauses, here or in another process."""
        while True:
            if self.twin.control.paused(self.twin.now()):
                self.twin.interrupt()
            await asyncio.sleep(LOOK)

    async def _reconciling(self) -> None:
        """Read recent history of the listed chats at the start, of a newly listed one at once, of all now and then."""
        last = float("-inf")
        clock = asyncio.get_running_loop().time
        while True:
            if clock() - last >= RECONCILE or self.client.reconnections != self._reconnections:
                self._watched.clear()
                last, self._reconnections = clock(), self.client.reconnections
            for dialog in self._listed():
                if dialog.id not in self._watched:
                    await self._reconcile(dialog)
            self._watched &= {dialog.id for dialog in self._listed()}
            await asyncio.sleep(LOOK)

    def _listed(self) -> list[Dialog]:
        archive = self.twin.archive
        dialogs = (archive.dialog(dialog_id) for dialog_id in self.twin.policy.modes(self.twin.now()))
        return [dialog for dialog in dialogs if dialog is not None and self.twin.listens_to(dialog)]

    async def _reconcile(self, dialog: Dialog) -> None:
        """Bring the archive up to date, then treat what is new as if its event had come."""
        archive, inbox = self.twin.archive, self.twin.inbox
        known = {m.id for m in archive.recent(dialog.id)}
        if known:
            inbox.watch(dialog.id, max(known))
        try:
            await Puller(self.client, archive, _Silent(), self.pace).pull(dialog)
        except (*PASSING, errors.RPCError, UserError, ValueError) as error:
            told = error if isinstance(error, UserError) else explain(error)
            if told and told.code in (3, 4) and not self._fatal.done():
                self._fatal.set_exception(told)
            self.twin.emit("trouble", error=type(error).__name__)
            await asyncio.sleep(1)
            return
        with archive.transaction():  # what another process forgets or masks meanwhile is not written again
            if not self.twin.listens_to(dialog):
                return
            there = archive.recent(dialog.id)
            since = inbox.watched_since(dialog.id)
            if since is None:  # never pulled before: all of it is history; read once more for what came meanwhile
                inbox.watch(dialog.id, max((m.id for m in there), default=0))
                return
            for message in there:
                if message.id > since and message.id not in known:
                    self.twin.found(message)
            self.twin.deleted(message_id for message_id in known if archive.message(dialog.id, message_id) is None)
        self._watched.add(dialog.id)
        self.twin.emit("watching", dialog=dialog.id)


class _Silent:
    """The live client shows no progress of its small pulls."""

    def page(self, dialog: Dialog, messages: int) -> None:
        """Nothing to show."""

    def waiting(self, seconds: float, until: datetime) -> None:
        """Nothing to show."""
