"""The kill switch, from the command line and from Saved Messages.

It lies in `live.db`, so it works from any process, stops a running client within its next look
(a tenth of a second), and survives a restart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.livedb import LiveDb

if TYPE_CHECKING:  # `doppelgram pause` must not wait two seconds for Telethon
    from telethon import TelegramClient


LATE = timedelta(minutes=1)


class Control:
    """Paused or not. While paused nothing is generated and nothing is sent to a contact."""

    def __init__(self, live: LiveDb) -> None:
        self._live = live

    def paused(self, now: datetime) -> bool:
        """Whether everything stands still now."""
        row = self._live.db.execute("SELECT value FROM switches WHERE name = 'paused_until'").fetchone()
        return row is not None and (row[0] == "" or now < datetime.fromtimestamp(float(row[0]), UTC))

    def pause(self, until: datetime | None = None) -> None:
        """Stop everything, for ever or until a moment."""
        value = str(until.timestamp()) if until else ""
        self._live.db.execute("REPLACE INTO switches VALUES ('paused_until', ?)", (value,))

    def resume(self) -> None:
        """Go on."""
        self._live.db.execute("DELETE FROM switches WHERE name = 'paused_until'")


@dataclass(frozen=True, slots=True)
class SavedMessages:
    """Commands the owner types into Saved Messages: `.twin status`, `.twin pause`, `.twin pause 2h`, `.twin resume`.

    The message is edited in place with the answer. The caller has made sure that it is outgoing and in Saved Messages;
    a forwarded text is somebody else's and is never obeyed.
    """

    client: "TelegramClient"
    control: Control
    status: Callable[[], str]
    now: Callable[[], datetime]

    async def __call__(self, message: Any) -> bool:
        """Obey one message; False when it is no command."""
        words = (message.message or "").split()
        late = self.now() - message.date > LATE  # typed while we were away: newer switches have been set since
        if message.fwd_from or message.via_bot_id or late or words[:1] != [".twin"]:
            return False
        await self.client.edit_message(message, self._answer(words[1:]))
        return True

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["pause"]:
                self.control.pause()
                return "Twin paused."
            case ["pause", span] if (length := _span(span)) is not None:
                self.control.pause(self.now() + length)
                return f"Twin paused for {span}."
            case ["resume"]:
                self.control.resume()
                return "Twin running."
            case [] | ["status"]:
                return self.status()
        return "Twin knows: status, pause, pause 2h, resume."


def _span(text: str) -> timedelta | None:
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdigit() and text[-1:] in units:
        return timedelta(**{units[text[-1]]: int(text[:-1])})
    return None
