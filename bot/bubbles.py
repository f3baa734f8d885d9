"""The bubbles: every outgoing message is a row, from the moment it is planned to its one end. Rows alone, no network:
`bot/outbox.py` sends them, and other processes may cancel them.

A suggestion is on its way as long as one of its bubbles is, and ends in the same transaction as its last one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.livedb import LiveDb
from bot.pieces import pieces
from bot.suggestion import State, Suggestion, Suggestions
from data.message import Message
from data.rhythm import Gaps

LONGEST = 8.0
"""Seconds that a bubble takes at most: an owner's longer gaps have other reasons than typing."""
_COLUMNS = "id, suggestion_id, position, dialog_id, random_id, text, state, due_at, attempted_at"


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on its way."""

    id: int
    suggestion_id: int
    position: int
    """Its place in the reply, from 0."""
    dialog_id: int
    random_id: int
    text: str
    state: str
    """`planned`, `sending` (an answer is awaited, or was lost), `sent`, `unknown` or `cancelled`."""
    due_at: float
    attempted_at: float | None
    """Like `due_at` by the server's clock, which dates messages, and does not jump."""


@dataclass(slots=True)
class Bubbles:
    """All rows of one `live.db`."""

    live: LiveDb
    now: Callable[[], datetime]
    least_seconds: float = 0.0
    """The shortest time a bubble takes to type; 0 for none at all."""
    rng: random.Random = field(default_factory=random.SystemRandom)
    gaps: Gaps | None = None
    """The owner's own, for all bubbles but the first."""
    suggestions: Suggestions = field(init=False)

    def __post_init__(self) -> None:
        self.suggestions = Suggestions(self.live)

    def plan(self, suggestion: Suggestion, there: datetime | None = None) -> bool:
        """One row for each text (more for one that is too long for a message), due when it could be typed, from what
        time it is `there` by the server's clock; False when the suggestion has moved on meanwhile."""
        due = there or self.now()
        with self.live.transaction():
            if not self.suggestions.move(suggestion, State.PLANNED, self.now()):
                return False
            texts = (piece for text in suggestion.final or suggestion.texts for piece in pieces(text))
            for position, text in enumerate(texts):
                due += timedelta(seconds=self._seconds(position, text))
                number = self.rng.getrandbits(63) or 1
                self.live.db.execute(
                    "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at)"
                    " VALUES (?, ?, ?, ?, ?, 'planned', ?)",
                    (suggestion.id, position, suggestion.dialog_id, number, text, due.timestamp()),
                )
        return True

    def _seconds(self, position: int, text: str) -> float:
        """How long after the one before it a bubble leaves."""
        if position == 0 or self.gaps is None or not self.least_seconds:
            return typing_time(text, self.least_seconds)
        return min(LONGEST, max(self.least_seconds, self.gaps.draw(self.rng.random())))

    # --- what is under way

    def sending(self) -> list[Bubble]:
        """Those whose answer was lost, as long as none is being sent."""
        return self._select("state = 'sending'")

    def next(self) -> list[Bubble]:
        """The first planned one of each suggestion, unless an earlier one is still being sent."""
        return self._select(
            "state = 'planned' AND position = (SELECT min(position) FROM outbox AS o WHERE"
            " o.suggestion_id = outbox.suggestion_id AND o.state IN ('planned', 'sending'))"
        )

    def begun(self) -> list[int]:
        """The suggestions of which a part is planned and a part is not."""
        rows = self.live.db.execute(
            "SELECT DISTINCT suggestion_id FROM outbox WHERE state = 'planned' AND suggestion_id IN"
            " (SELECT suggestion_id FROM outbox WHERE state != 'planned')"
        )
        return [row[0] for row in rows]

    def planned_before(self, dialog_id: int, message_id: int) -> list[int]:
        """The suggestions with planned bubbles that answer something older than this message."""
        rows = self.live.db.execute(
            "SELECT DISTINCT outbox.suggestion_id FROM outbox JOIN suggestions ON suggestions.id = outbox.suggestion_id"
            " WHERE outbox.dialog_id = ? AND outbox.state = 'planned' AND upto_id < ?",
            (dialog_id, message_id),
        )
        return [row[0] for row in rows]

    # --- which message of a chat is which bubble

    def of_message(self, dialog_id: int, message_id: int) -> Bubble | None:
        """The bubble that this message is known to be."""
        found = self._select("dialog_id = ? AND message_id = ?", dialog_id, message_id)
        return found[0] if found else None

    def automatic(self, dialog_id: int) -> set[int]:
        """The ids of the messages there that the twin sent by itself, without the owner's decision."""
        rows = self.live.db.execute(
            "SELECT message_id FROM outbox JOIN suggestions ON suggestions.id = suggestion_id"
            " WHERE outbox.dialog_id = ? AND surface = 'auto' AND message_id NOT NULL",
            (dialog_id,),
        )
        return {row[0] for row in rows}

    def awaiting(self, message: Message) -> Bubble | None:
        """The bubble, being sent, that this message may be: see `may_be`."""
        sending = self._select("dialog_id = ? AND state = 'sending'", message.dialog_id)
        return next((bubble for bubble in sending if self.may_be(bubble, message)), None)

    def may_be(self, bubble: Bubble, message: Message) -> bool:
        """Whether a message whose `random_id` nobody told us may be this bubble: the owner's account wrote exactly
        these words, after what they answer, and no other bubble is that message."""
        if not message.mine or message.text.strip() != bubble.text.strip():
            return False
        if self.of_message(message.dialog_id, message.id):
            return False
        (before,) = self.live.db.execute(
            "SELECT max(upto_id, coalesce((SELECT max(message_id) FROM outbox WHERE suggestion_id = ?1"
            " AND position < ?2), 0)) FROM suggestions WHERE id = ?1",
            (bubble.suggestion_id, bubble.position),
        ).fetchone() or (0,)
        return message.id > int(before)

    # --- on its way, and at its end

    def attempt(self, bubble: Bubble, there: datetime | None = None) -> Bubble | None:
        """Mark it as being sent, `there` by the server's clock; None when it was cancelled or taken meanwhile."""
        with self.live.transaction():
            if not self._move(bubble, "planned", "sending"):
                return None
            at = (there or self.now()).timestamp()
            self.live.db.execute("UPDATE outbox SET attempted_at = ? WHERE id = ?", (at, bubble.id))
            suggestion = self.suggestions.get(bubble.suggestion_id)
            if suggestion and suggestion.state is State.PLANNED:
                self.suggestions.move(suggestion, State.SENDING, self.now())
        return replace(bubble, state="sending", attempted_at=at)

    def postpone(self, bubble: Bubble, until: datetime) -> None:
        """It was certainly not carried out: plan it again for later, by the server's clock. Of a reply of which nothing
        has been sent yet everything is asked again then, as of one that was never tried."""
        with self.live.transaction():
            if not self._move(bubble, "sending", "planned"):
                return
            self.live.db.execute("UPDATE outbox SET due_at = ? WHERE id = ?", (until.timestamp(), bubble.id))
            suggestion = self.suggestions.get(bubble.suggestion_id)
            if bubble.position == 0 and suggestion and suggestion.state is State.SENDING:
                self.suggestions.move(suggestion, State.PLANNED, self.now())

    def sent(self, bubble_id: int, message_id: int) -> Bubble | None:
        """Note its delivery; None when it was noted before."""
        with self.live.transaction():
            moved = self.live.db.execute(
                "UPDATE outbox SET state = 'sent', message_id = ?, sent_at = ? WHERE id = ? AND state != 'sent'",
                (message_id, self.now().timestamp(), bubble_id),
            ).rowcount
            if not moved:
                return None
            (bubble,) = self._select("id = ?", bubble_id)
            self._conclude(bubble.suggestion_id)
        return bubble

    def end(self, bubble: Bubble, state: str) -> bool:
        """End one that was being sent as `cancelled` or `unknown`, and with it the rest of its reply; False when it
        has ended meanwhile."""
        with self.live.transaction():
            if not self._move(bubble, "sending", state):
                return False
            self.cancel(bubble.suggestion_id)
        return True

    def cancel(self, suggestion_id: int) -> int:
        """Stop what is not yet on its way; what was sent stays sent. Returns how many were stopped."""
        with self.live.transaction():
            n = self.live.db.execute(
                "UPDATE outbox SET state = 'cancelled' WHERE suggestion_id = ? AND state = 'planned'", (suggestion_id,)
            ).rowcount
            self._conclude(suggestion_id)
        return n

    def hand_back(self, suggestion: Suggestion) -> bool:
        """Let the owner decide on a reply of which nothing has been sent; False when that is no longer so."""
        with self.live.transaction():
            if not self.suggestions.move(suggestion, State.OFFERED, self.now(), surface="review"):
                return False
            self.live.db.execute("DELETE FROM outbox WHERE suggestion_id = ?", (suggestion.id,))
        return True

    def _conclude(self, suggestion_id: int) -> None:
        """Move the suggestion on when none of its bubbles is under way any more."""
        rows = self.live.db.execute("SELECT state FROM outbox WHERE suggestion_id = ?", (suggestion_id,))
        states = {row[0] for row in rows}
        suggestion = self.suggestions.get(suggestion_id)
        if suggestion is None or states & {"planned", "sending"}:
            return
        end = State.UNKNOWN if "unknown" in states else State.SENT if "sent" in states else State.CANCELLED
        if suggestion.state in (State.PLANNED, State.SENDING, State.UNKNOWN) and suggestion.state is not end:
            self.suggestions.move(suggestion, end, self.now())

    def _move(self, bubble: Bubble, state: str, to: str) -> bool:
        return bool(
            self.live.db.execute(
                "UPDATE outbox SET state = ? WHERE id = ? AND state = ?", (to, bubble.id, state)
            ).rowcount
        )

    def _select(self, where: str, *values: object) -> list[Bubble]:
        rows = self.live.db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE {where} ORDER BY id", values)
        return [Bubble(*row) for row in rows]


def typing_time(text: str, least: float) -> float:
    """Seconds a person needs for a bubble: a plain default of 25 characters a second, between `least` and `LONGEST`."""
    return min(LONGEST, max(least, len(text) / 25)) if least else 0.0
