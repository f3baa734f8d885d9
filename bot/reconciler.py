"""The reconciler: events may come twice, late or not at all, so the archive is brought up to date in the listed chats.
Edits and deletions come to light here.

Recent history is read at the start, after a reconnect, once our clock has jumped, and every few minutes; that of a
newly listed chat at once.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime

from bot.control import SavedMessages
from bot.lapses import Lapses
from bot.setbacks import Setbacks
from bot.twin import Twin
from data.errors import UserError
from data.message import Dialog, Message
from data.pull import CLOSED, Pace, Puller
from data.telegram import TROUBLE, Client, explain

RECONCILE = 180.0
"""Seconds between two readings of recent history."""
JUMP = 10.0
"""Seconds by which our clock may jump before it is compared with the server's anew."""


@dataclass(slots=True)
class Reconciler:
    """One for each running client. `commands` catches up with what was typed into Saved Messages meanwhile, `lapses`
    notes a chat that can be read no more."""

    client: Client
    twin: Twin
    pace: Pace
    commands: SavedMessages
    lapses: Lapses
    look: float
    _read: set[int] = field(default_factory=set)
    """The chats whose history was read since we connected, and of which nothing was missed since."""
    _caught_up: set[int] = field(default_factory=set)
    _unreadable: Setbacks = field(default_factory=Setbacks)
    _reconnections: int = 0
    _ready: bool = False
    _compared: float = field(init=False)

    def __post_init__(self) -> None:
        self._compared = self._offset()

    def up_to_date(self, dialog_id: int) -> bool:
        """Whether this chat's history has been read since we connected; one that is not listed needs no reading."""
        if not self.client.in_touch or self.client.reconnections != self._reconnections or self._jumped:
            return False
        return dialog_id in self._read or not self.twin.listening.to(dialog_id)

    def missed(self, dialog_id: int | None = None) -> None:
        """Something that happened in this chat, or in one that is not known, was not kept: it is read again."""
        self._read.clear() if dialog_id is None else self._read.discard(dialog_id)

    async def run(self) -> None:
        """Read Saved Messages and the listed chats, for ever. Raises UserError when the login has ended."""
        last = float("-inf")
        clock = asyncio.get_running_loop().time
        while True:
            reconnections, offset = self.client.reconnections, self._offset()
            if self._jumped or clock() - last >= RECONCILE or reconnections != self._reconnections:
                self._read.clear()
                if reconnections != self._reconnections:
                    self._caught_up.clear()
                # A pause typed while we were away comes before everything that could still be sent.
                if not (
                    await self._reading(self.twin.outbox.tell_time()) and await self._reading(self.commands.catch_up())
                ):
                    continue
                last, self._reconnections, self._compared = clock(), reconnections, offset
            dialogs = self.twin.listening.dialogs()
            for dialog in dialogs:
                if self._still_unread(dialog):
                    await self._reconcile(dialog)
            self._read &= {dialog.id for dialog in dialogs}
            if not self._ready and not any(self._still_unread(dialog) for dialog in dialogs):
                self._ready = True
                self.twin.emit("ready")
            await asyncio.sleep(self.look)

    def _still_unread(self, dialog: Dialog) -> bool:
        """Whether it is to be read now."""
        unread = dialog.id not in self._read or self.twin.listening.since(dialog.id) is None
        return unread and not self._unreadable.waits(dialog.id, self.twin.now())

    @property
    def _jumped(self) -> bool:
        """Whether our clock was set since it was compared with the server's."""
        return abs(self._offset() - self._compared) > JUMP

    def _offset(self) -> float:
        """This machine's clock against one that never jumps, in seconds."""
        return self.twin.now().timestamp() - asyncio.get_running_loop().time()

    async def _reconcile(self, dialog: Dialog) -> None:
        """Bring the archive up to date, then treat what it holds as if its events had come."""
        archive, listening = self.twin.archive, self.twin.listening
        puller = Puller(self.client, archive, _Silent(), self.pace)
        if not await self._reading(puller.pull(dialog), dialog):
            self._unreadable.met(dialog.id, self.twin.now())
            return
        self._unreadable.over(dialog.id)
        with archive.transaction():  # what another process forgets or masks meanwhile is not written again
            if not listening.to(dialog.id):
                return
            since = listening.since(dialog.id)
            there = self._there(dialog.id, since)
            if since is None:  # now it is known where history ends; read once more for what came meanwhile
                listening.begin(dialog.id, there)
                self._read.discard(dialog.id)
                return
            self.twin.hearing.read(dialog.id, [message for message in there if message.id > since])
            for each in sorted(puller.withheld, key=lambda withheld: withheld.id):
                if each.id > since:
                    self.twin.hearing.withheld(dialog.id, each.id, each.text, mine=each.mine)
        self._read.add(dialog.id)
        self._caught_up.add(dialog.id)
        self.twin.emit("watching", dialog=dialog.id)

    def _there(self, dialog_id: int, since: int | None) -> list[Message]:
        """The newest messages of a chat; at the start and after a reconnect all that came since the twin listens, since
        more may have been written while we were away than one reading shows."""
        if since is None or dialog_id in self._caught_up:
            return self.twin.archive.recent(dialog_id)
        return self.twin.archive.after(dialog_id, since)

    async def _reading(self, reading: Awaitable[None], dialog: Dialog | None = None) -> bool:
        """Whether it succeeded, of this chat if it is one's; if not, whoever waits for it tries again. Raises UserError
        when the login has ended."""
        try:
            await reading
        except (*TROUBLE, UserError, ValueError) as error:
            told = error if isinstance(error, UserError) else explain(error)
            if told and told.code in (3, 4):
                raise told from (error.__cause__ if told is error else error)
            if dialog and isinstance(error.__cause__, CLOSED):
                self.lapses.closed(dialog.id)
            why = error.__cause__ if isinstance(error, UserError) and error.__cause__ else error
            self.twin.emit("trouble", error=type(why).__name__, **({"dialog": dialog.id} if dialog else {}))
            await asyncio.sleep(1)
            return False
        return True


class _Silent:
    """The live client shows no progress of its small pulls."""

    def page(self, dialog: Dialog, messages: int) -> None:
        """Nothing to show."""

    def waiting(self, seconds: float, until: datetime) -> None:
        """Nothing to show."""
