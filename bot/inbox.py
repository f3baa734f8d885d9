"""The inbox: every incoming message of a listed chat, until it has its one outcome.

A row is committed before anything else happens, so nothing is lost by a crash. A chat is *ready* when it has been
quiet for a while and nobody is typing there: a burst of five messages is one turn.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.livedb import LiveDb
from bot.suggestion import NOT_BEGUN, OPEN, Suggestion, fingerprint

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
    WITHHELD = "withheld"
    """It may not be kept (protected, seen once, vanishing), so the twin cannot read it and leaves it to the owner."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A chat, or a topic of one, that waits for a reply to everything up to `upto_id`."""

    dialog_id: int
    upto_id: int
    arrived_at: float
    topic_id: int | None = None


@dataclass(slots=True)
class Inbox:
    """The rows, and who is typing."""

    live: LiveDb
    debounce: timedelta
    _typing_until: dict[int, datetime] = field(default_factory=dict)

    def add(self, dialog_id: int, message_id: int, said: str, now: datetime, topic_id: int | None = None) -> bool:
        """Note an incoming message; False when it was known, as any update may come twice. Its text is not kept here,
        only what shows later that it was changed."""
        added = self.live.db.execute(
            "INSERT OR IGNORE INTO inbox (dialog_id, message_id, arrived_at, fingerprint, topic_id)"
            " VALUES (?, ?, ?, ?, ?)",
            (dialog_id, message_id, now.timestamp(), fingerprint(said), topic_id),
        )
        self._typing_until.pop(dialog_id, None)
        return added.rowcount > 0

    def has(self, dialog_id: int, message_id: int) -> bool:
        """Whether this message is noted."""
        found = self.live.db.execute(
            "SELECT 1 FROM inbox WHERE dialog_id = ? AND message_id = ?", (dialog_id, message_id)
        )
        return found.fetchone() is not None

    def changed(self, dialog_id: int, message_id: int, said: str) -> bool:
        """Whether a noted message says something else than before; True once for each change."""
        return bool(
            self.live.db.execute(
                "UPDATE inbox SET fingerprint = ?1 WHERE dialog_id = ?2 AND message_id = ?3 AND fingerprint != ?1",
                (fingerprint(said), dialog_id, message_id),
            ).rowcount
        )

    def open_rows(self) -> list[tuple[int, int]]:
        """The messages (dialog, id) that wait for a reply, or nothing of whose reply has been sent yet."""
        states = ", ".join(f"'{state}'" for state in (*OPEN, *NOT_BEGUN))
        rows = self.live.db.execute(
            "SELECT dialog_id, message_id FROM inbox WHERE outcome IS NULL"
            " UNION SELECT inbox.dialog_id, message_id FROM suggestions JOIN inbox ON suggestion_id = suggestions.id"
            f" WHERE suggestions.state IN ({states})"
        )
        return [(row[0], row[1]) for row in rows]

    def typing(self, dialog_id: int, now: datetime) -> None:
        """The other side is writing: wait for it."""
        self._typing_until[dialog_id] = now + TYPING

    def waiting(self) -> list[Ready]:
        """The chats, and topics, with a message that has no outcome yet."""
        rows = self.live.db.execute(
            "SELECT dialog_id, max(message_id), max(arrived_at), topic_id FROM inbox WHERE outcome IS NULL"
            " GROUP BY dialog_id, topic_id"
        )
        return [Ready(*row) for row in rows]

    def ready(self, now: datetime) -> list[Ready]:
        """Those of them that have been quiet for long enough. What seems to come, or to be typed, in the future did so
        before our clock was set back."""
        return [
            chat
            for chat in self.waiting()
            if not 0 <= now.timestamp() - chat.arrived_at < self.debounce.total_seconds()
            and not now < self._typing_until.get(chat.dialog_id, now) <= now + TYPING
        ]

    def turn(self, chat: Ready) -> list[int]:
        """The messages that wait for this reply."""
        rows = self.live.db.execute(
            "SELECT message_id FROM inbox"
            " WHERE dialog_id = ? AND topic_id IS ? AND message_id <= ? AND outcome IS NULL ORDER BY message_id",
            (chat.dialog_id, chat.topic_id, chat.upto_id),
        )
        return [row[0] for row in rows]

    def settle_turn(self, chat: Ready, outcome: Outcome, suggestion_id: int | None = None) -> int:
        """Give every one of them its outcome; returns how many there were."""
        return self.live.db.execute(
            "UPDATE inbox SET outcome = ?, suggestion_id = ?"
            " WHERE dialog_id = ? AND topic_id IS ? AND message_id <= ? AND outcome IS NULL",
            (outcome, suggestion_id, chat.dialog_id, chat.topic_id, chat.upto_id),
        ).rowcount

    def next_quiet(self, now: datetime) -> float | None:
        """Seconds until the next chat has been quiet for long enough, if nobody writes there."""
        left = [self.debounce.total_seconds() - (now.timestamp() - chat.arrived_at) for chat in self.waiting()]
        return min((seconds for seconds in left if seconds > 0), default=None)

    def settle(self, dialog_id: int, upto_id: int, outcome: Outcome, suggestion_id: int | None = None) -> int:
        """Give every waiting message of a chat up to this one its outcome; returns how many there were."""
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

    def overtakes(self, suggestion: Suggestion) -> bool:
        """Whether something newer was asked in the same place than what this answers, and still stands there."""
        found = self.live.db.execute(
            "SELECT 1 FROM inbox WHERE dialog_id = ?1 AND message_id > ?2 AND outcome IS NOT ?3 AND topic_id IS"
            " (SELECT topic_id FROM inbox WHERE dialog_id = ?1 AND message_id = ?2)",
            (suggestion.dialog_id, suggestion.upto_id, Outcome.DELETED),
        )
        return found.fetchone() is not None
