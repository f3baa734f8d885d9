"""The inbox: every incoming message of a listed chat, until it has its one outcome.

A row is committed before anything else happens, so nothing is lost by a crash. A chat is *ready* when it has been
quiet for a while and nobody is typing there: a burst of five messages is one turn.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.livedb import LiveDb

TYPING = timedelta(seconds=6)
"""How long a typing notice counts: clients repeat it every five seconds."""


class Outcome(StrEnum):
    """How an incoming message ended."""

    SUGGESTED = "suggested"
    DROPPED = "dropped"
    OWNER_ANSWERED = "owner_answered"
    EXPIRED = "expired"
    DELETED = "deleted"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Ready:
    """A chat that waits for a reply to everything up to `upto_id`."""

    dialog_id: int
    upto_id: int
    arrived_at: float


@dataclass(slots=True)
class Inbox:
    """The rows, and who is typing."""

    live: LiveDb
    debounce: timedelta
    _typing_until: dict[int, datetime] = field(default_factory=dict)

    def add(self, dialog_id: int, message_id: int, now: datetime) -> bool:
        """Note an incoming message; False when it was known, as any update may come twice."""
        added = self.live.db.execute(
            "INSERT OR IGNORE INTO inbox (dialog_id, message_id, arrived_at) VALUES (?, ?, ?)",
            (dialog_id, message_id, now.timestamp()),
        )
        self._typing_until.pop(dialog_id, None)
        return added.rowcount > 0

    def typing(self, dialog_id: int, now: datetime) -> None:
        """The other side is writing: wait for it."""
        self._typing_until[dialog_id] = now + TYPING

    def waiting(self) -> list[Ready]:
        """The chats with a message that has no outcome yet."""
        rows = self.live.db.execute(
            "SELECT dialog_id, max(message_id), max(arrived_at) FROM inbox WHERE outcome IS NULL GROUP BY dialog_id"
        )
        return [Ready(*row) for row in rows]

    def ready(self, now: datetime) -> list[Ready]:
        """Those of them that have been quiet for long enough."""
        return [
            chat
            for chat in self.waiting()
            if now.timestamp() - chat.arrived_at >= self.debounce.total_seconds()
            and now >= self._typing_until.get(chat.dialog_id, now)
        ]

    def settle(self, dialog_id: int, upto_id: int, outcome: Outcome, suggestion_id: int | None = None) -> int:
        """Give every waiting message up to this one its outcome; returns how many there were."""
        return self.live.db.execute(
            "UPDATE inbox SET outcome = ?, suggestion_id = ?"
            " WHERE dialog_id = ? AND message_id <= ? AND outcome IS NULL",
            (outcome, suggestion_id, dialog_id, upto_id),
        ).rowcount

    def settle_one(self, dialog_id: int, message_id: int, outcome: Outcome) -> None:
        """Give one waiting message its outcome."""
        self.live.db.execute(
            "UPDATE inbox SET outcome = ? WHERE dialog_id = ? AND message_id = ? AND outcome IS NULL",
            (outcome, dialog_id, message_id),
        )

    def reopen(self, suggestion_id: int) -> None:
        """Wait again for the messages of a suggestion: another one is wanted."""
        self.live.db.execute(
            "UPDATE inbox SET outcome = NULL, suggestion_id = NULL WHERE suggestion_id = ?", (suggestion_id,)
        )

    def newest(self, dialog_id: int) -> int:
        """The newest incoming message noted here, 0 when there is none."""
        (newest,) = self.live.db.execute(
            "SELECT max(message_id) FROM inbox WHERE dialog_id = ?", (dialog_id,)
        ).fetchone()
        return int(newest or 0)

    # --- from where on a chat is watched: older messages are history, not something to answer

    def watched_since(self, dialog_id: int) -> int | None:
        """The newest message that counts as history, or None for a chat not watched yet."""
        row = self.live.db.execute("SELECT since_id FROM watched WHERE dialog_id = ?", (dialog_id,)).fetchone()
        return int(row[0]) if row else None

    def watch(self, dialog_id: int, since_id: int) -> None:
        """Begin to watch a chat."""
        self.live.db.execute("INSERT OR IGNORE INTO watched VALUES (?, ?)", (dialog_id, since_id))
