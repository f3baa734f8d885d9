"""Which chats the twin listens to, and since when: the one choke point for everything that is heard.

It listens to living people, in a chat with a consent for their words, that its owner has listed. What was written
before all of that was so is history: it is read as context and never answered, however it comes to us.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bot.clocks import Clocks
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from data.archive import Archive
from data.consent import Consent, Ledger
from data.message import Dialog, Message
from data.transcript import Scope

LOGGED_IN_AT = "logged_in_at"
"""The archive's fact that says when this login began, in seconds."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Read anew at each call, since other processes change it."""

    live: LiveDb
    archive: Archive
    policy: Policy
    clocks: Clocks

    def to(self, dialog_id: int) -> bool:
        """Whether the twin listens to this chat now."""
        return self._allowed(self.archive.dialog(dialog_id), Ledger(self.archive).of(dialog_id))

    def dialogs(self) -> list[Dialog]:
        """The chats it listens to now."""
        active = Ledger(self.archive).active()
        listed = [self.archive.dialog(dialog_id) for dialog_id in self.policy.modes(self.clocks.now())]
        return [dialog for dialog in listed if dialog and self._allowed(dialog, active.get(dialog.id))]

    def _allowed(self, dialog: Dialog | None, consent: Consent | None) -> bool:
        return (
            dialog is not None
            and dialog.may_be_answered
            and consent is not None
            and consent.scope is Scope.CHAT
            and self.policy.mode(dialog.id, self.clocks.now()) is not Mode.OFF
        )

    # --- since when

    def since(self, dialog_id: int) -> int | None:
        """The newest message that counts as history; None until a reading of the chat has shown it (`begin`), and
        again after the chat was listed, allowed or logged in to anew."""
        row = self.live.db.execute(
            "SELECT since_id FROM watched WHERE dialog_id = ? AND moment = ?", (dialog_id, self._moment(dialog_id))
        ).fetchone()
        return int(row[0]) if row else None

    def begin(self, dialog_id: int, there: Sequence[Message]) -> None:
        """Note where history ends, from the newest messages of the chat as they stand now. Telegram's times are whole
        seconds: what came within the same one is history too, because answering it could be wrong."""
        moment = self._moment(dialog_id)
        then = moment + self._set_since(dialog_id, moment)
        before = [message.id for message in there if self.clocks.here(message.sent_at).timestamp() <= then]
        since = max([self.policy.listed(dialog_id).after_id, *before])
        self.live.db.execute("REPLACE INTO watched VALUES (?, ?, ?)", (dialog_id, since, moment))

    async def watch(self, look: float) -> None:
        """For ever note how our clock stands where the moment is new. It may be set before there is a network to read
        the chat with, and what was written since then is no history."""
        while True:
            with contextlib.suppress(sqlite3.Error):  # a full disk, say
                self._look()
            await asyncio.sleep(look)

    def _look(self) -> None:
        standing, boot, stood = self.clocks.standing(), self.clocks.boot(), self._stood()
        granted, logged_in = Ledger(self.archive).active(), self._logged_in()
        for dialog_id, listed_at in self.policy.listed_at().items():
            moment = _latest(listed_at, granted.get(dialog_id), logged_in)
            if stood.get(dialog_id, (None,))[0] != moment:
                self.live.db.execute("REPLACE INTO standings VALUES (?, ?, ?, ?)", (dialog_id, moment, standing, boot))

    def _stood(self) -> dict[int, tuple[float, float]]:
        """By chat the moment since which it counts, and how our clock stood when that was new; none of another boot."""
        rows = self.live.db.execute(
            "SELECT dialog_id, moment, standing FROM standings WHERE boot = ?", (self.clocks.boot(),)
        )
        return {dialog_id: (moment, standing) for dialog_id, moment, standing in rows}

    def _set_since(self, dialog_id: int, moment: float) -> float:
        """By how many seconds our clock was set since this moment of it."""
        seen, standing = self._stood().get(dialog_id, (None, 0.0))
        return self.clocks.standing() - standing if seen == moment else 0.0

    def _moment(self, dialog_id: int) -> float:
        consent = Ledger(self.archive).of(dialog_id)
        return _latest(self.policy.listed(dialog_id).at, consent, self._logged_in())

    def _logged_in(self) -> float:
        return float(self.archive.fact(LOGGED_IN_AT) or 0)


def _latest(listed_at: float, consent: Consent | None, logged_in: float) -> float:
    return max(listed_at, consent.granted_at.timestamp() if consent else 0.0, logged_in)
