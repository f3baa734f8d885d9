"""The kill switch, from the command line, from Saved Messages, from the owner's bot, by a signal and by a file.

It lies in `live.db`, or is the file `PAUSE` beside it, so it works from any process, stops a running client within its
next look (a tenth of a second), and survives a restart.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.clocks import Clocks
from bot.livedb import LiveDb

if TYPE_CHECKING:  # `doppelgram pause` must not wait two seconds for Telethon
    from telethon import TelegramClient

    from bot.answers import Answers


SECOND = timedelta(seconds=1)
"""Telegram's times have no parts of one."""
LATE = timedelta(minutes=1)
"""A command that is read later is ignored: newer switches have been set since. A pause is not, see `catch_up`."""
EVER = datetime.max.replace(tzinfo=UTC)
SPANS = "For a while: pause 30m, pause 2h or pause 1d."
AWAY = 100
"""So many of the newest messages are looked at for what was typed while we were not connected."""


class Control:
    """Paused or not. While paused nothing is generated and nothing is sent to a contact."""

    def __init__(self, live: LiveDb, clocks: Clocks | None = None) -> None:
        self._live = live
        self._clocks = clocks
        """A running client's. Ours may jump, so there a pause until some moment is over when both say so."""
        self._file = live.path.with_name("PAUSE")
        """Whoever can make a file, on a disk that is full or from a phone's file browser, can pause."""

    def paused(self, now: datetime) -> bool:
        """Whether everything stands still now."""
        if self._file.exists():
            return True
        until, there = self._until(), self._clocks.there() if self._clocks else now
        return until is not None and min(now, there) < until

    def paused_until(self) -> datetime | None:
        """The end of a pause, or where there is none, of the last one; None for one without an end."""
        until = EVER if self._file.exists() else self._until()
        return None if until == EVER else until

    def _until(self) -> datetime | None:
        row = self._live.db.execute("SELECT value FROM switches WHERE name = 'paused_until'").fetchone()
        if row is None:
            return None
        return datetime.fromtimestamp(float(row[0]), UTC) if row[0] else EVER

    def pause(self, until: datetime | None = None, *, at_least: bool = False) -> None:
        """Stop everything, for ever or until a moment; `at_least`, so that a longer pause stays as it is."""
        with self._live.transaction():
            standing = self._until()
            if at_least and standing is not None and standing >= (until or EVER):
                return
            value = str(until.timestamp()) if until else ""
            self._live.db.execute("REPLACE INTO switches VALUES ('paused_until', ?)", (value,))

    def resume(self, now: datetime) -> None:
        """Go on. The moment is kept: a pause that was typed before it and is found later counts no more."""
        self._file.unlink(missing_ok=True)
        with self._live.transaction():
            self._live.db.execute("DELETE FROM switches WHERE name = 'paused_until'")
            self._live.db.execute("REPLACE INTO switches VALUES ('resumed_at', ?)", (str(now.timestamp()),))

    @property
    def resumed_at(self) -> datetime:
        """When `resume` was said last."""
        row = self._live.db.execute("SELECT value FROM switches WHERE name = 'resumed_at'").fetchone()
        return datetime.fromtimestamp(float(row[0]) if row else 0, UTC)

    @contextmanager
    def obeying(self, message_id: int) -> Iterator[bool]:
        """Whether this command was not obeyed before; what is switched inside is committed with the note that it is."""
        with self._live.transaction():
            yield self._live.db.execute("INSERT OR IGNORE INTO obeyed VALUES (?)", (message_id,)).rowcount > 0


@dataclass(frozen=True, slots=True)
class Orders:
    """What the owner may order, and what is answered: the same in Saved Messages and in the chat with their own bot."""

    control: Control
    about: "Answers"
    clocks: Clocks

    def late(self, at: datetime) -> bool:
        """Whether an order of this time, by the server's clock, is too old to count."""
        return self.clocks.age(at) > LATE

    def lifted(self, at: datetime) -> bool:
        """Whether a pause ordered then has been lifted since."""
        return self.clocks.here(at) + SECOND <= self.control.resumed_at

    def obey(self, number: int, words: list[str], at: datetime) -> str | None:
        """Do it, and say so; None when the message of this number was obeyed before."""
        with self.control.obeying(number) as fresh:
            return self._answer(words, at) if fresh else None

    def _answer(self, words: list[str], at: datetime) -> str:
        match words:
            case ["pause", *span]:
                return self._pause("".join(span), at)
            case ["resume"]:
                self.control.resume(self.clocks.now())
                return self.about.standing()
            case [] | ["status"]:
                return self.about.status()
            case ["mode", *chat, mode] if chat:
                return self.about.mode(" ".join(chat), mode)
            case ["log"]:
                return self.about.log()
        return "Twin knows: status, pause, pause 2h, resume, mode CHAT off|draft|ask|auto, log."

    def _pause(self, span: str, at: datetime) -> str:
        """An old order does not shorten what was switched since, and a time that is not understood has no end."""
        length = _span(span)
        until = self.clocks.here(at) + length if length else None
        self.control.pause(until, at_least=self.late(at))
        return self.about.standing() + ("" if length or not span else f" {SPANS}")


@dataclass(frozen=True, slots=True)
class SavedMessages:
    """Commands the owner types into Saved Messages: `.twin status`, `.twin pause`, `.twin pause 2h`, `.twin resume`,
    `.twin mode CHAT ask`, `.twin log`.

    The message is edited in place with the answer. The caller has made sure that it is outgoing and in Saved Messages;
    a forwarded text is somebody else's and is never obeyed.
    """

    client: "TelegramClient"
    orders: Orders

    async def __call__(self, message: Any) -> None:
        """Obey one message that has just been typed; anything but a command is left alone. A pause is obeyed whatever
        the clocks say: this machine's may run ahead of the server's."""
        words = _words(message)
        if words is not None and (words[:1] == ["pause"] or not self.orders.late(message.date)):
            await self._obey(message, words)

    async def catch_up(self) -> None:
        """Obey what was typed while we were not connected. A pause counts however old it is, unless a resume came after
        it, here or on any other surface."""
        messages = [message async for message in self.client.iter_messages("me", limit=AWAY)][::-1]
        typed = [(message, words) for message in messages if (words := _words(message)) is not None]
        for index, (message, words) in enumerate(typed):
            if words[:1] == ["pause"]:
                ignored = self.orders.lifted(message.date)
                ignored = ignored or any(later[:1] == ["resume"] for _, later in typed[index + 1 :])
            else:
                ignored = self.orders.late(message.date)
            if not ignored:
                await self._obey(message, words)

    async def _obey(self, message: Any, words: list[str]) -> None:
        if answer := self.orders.obey(message.id, words, message.date):
            await self.client.edit_message(message, answer)


def _words(message: Any) -> list[str] | None:
    """What the twin is told; None for everything else that lies in Saved Messages, and for a forwarded text."""
    words = (getattr(message, "message", None) or "").split()
    forwarded = getattr(message, "fwd_from", None) or getattr(message, "via_bot_id", None)
    return None if forwarded or verb(words)[:1] != [".twin"] else verb(words[1:])


def verb(words: list[str]) -> list[str]:
    """An order with its first word as we know it: a phone likes to begin with a capital."""
    return [*(word.casefold() for word in words[:1]), *words[1:]]


def _span(text: str) -> timedelta | None:
    """`30m`, `2h`, `1d`, or in words; None for anything else, and for no time at all."""
    found = re.fullmatch("([0-9]{1,4})(?:(m(?:in(?:ute)?s?)?)|(h(?:(?:ou)?rs?)?)|d(?:ays?)?)", text.casefold())
    unit = "minutes" if found and found[2] else "hours" if found and found[3] else "days"
    return timedelta(**{unit: int(found[1])}) or None if found else None
