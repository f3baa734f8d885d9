"""A Suggestion: what the model proposes in one chat, and the states it may go through.

One table of arrows, and one way along them: compare-and-set on the revision, so that of several surfaces (terminal,
cloud draft, later others) the first one wins and the others learn that they were late.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bot.livedb import LiveDb
from bot.policy import Mode
from data.message import Message


class State(StrEnum):
    """Where a suggestion stands."""

    PENDING = "pending"
    HELD = "held"
    OFFERED = "offered"
    APPROVED = "approved"
    EDITED = "edited"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    OWNER_ANSWERED = "owner_answered"
    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


_DECIDED = (State.APPROVED, State.EDITED)
_GONE = (State.SKIPPED, State.EXPIRED, State.SUPERSEDED, State.OWNER_ANSWERED)
ARROWS: dict[State, tuple[State, ...]] = {
    State.PENDING: (State.HELD, State.OFFERED, *_DECIDED, State.EXPIRED, State.SUPERSEDED, State.OWNER_ANSWERED),
    State.HELD: (*_DECIDED, *_GONE),
    State.OFFERED: (*_DECIDED, *_GONE),
    State.APPROVED: (State.PLANNED, State.CANCELLED),
    State.EDITED: (State.PLANNED, State.CANCELLED),
    State.PLANNED: (State.SENDING, State.CANCELLED, State.OFFERED),
    State.SENDING: (State.SENT, State.UNKNOWN, State.CANCELLED, State.PLANNED),
    State.UNKNOWN: (State.SENT, State.CANCELLED),
}
"""Every arrow there is; a state without a line is an end. `pending -> approved` is the automatic mode, `planned ->
offered` its end when a limit is reached while the reply is still being typed, `sending -> planned` a FLOOD_WAIT before
anything of it was sent."""

OPEN = (State.PENDING, State.HELD, State.OFFERED)
"""States in which the suggestion still waits for somebody."""
NOT_BEGUN = (State.APPROVED, State.EDITED, State.PLANNED)
"""States in which it was decided on, and nothing of it has been sent."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One row. `texts` is what the model proposed, `final` what the owner made of it."""

    id: int
    dialog_id: int
    upto_id: int
    """The newest incoming message it answers."""
    attempt: int
    state: State
    revision: int
    mode: Mode
    texts: tuple[str, ...]
    confidence: float | None
    outcome: str
    reasons: tuple[str, ...]
    adapter: str
    created_at: datetime
    answers: dict[int, str]
    """The messages it answers, each with a fingerprint of what it said."""
    final: tuple[str, ...] | None = None
    surface: str | None = None

    @property
    def was_draft(self) -> bool:
        """Whether it was put into the input box of the owner's apps."""
        return self.surface in ("draft", "withdrawn")


class Suggestions:
    """All suggestions of one `live.db`."""

    def __init__(self, live: LiveDb) -> None:
        self._live = live

    def add(
        self,
        *,
        dialog_id: int,
        upto_id: int,
        attempt: int,
        mode: Mode,
        texts: Iterable[str],
        confidence: float | None,
        outcome: str,
        reasons: Iterable[str],
        adapter: str,
        answers: Iterable[Message],
        now: datetime,
    ) -> Suggestion:
        """A new one, pending. `answers` are the messages it was written for."""
        row = self._live.db.execute(
            "INSERT INTO suggestions (dialog_id, upto_id, attempt, state, mode, texts, confidence, outcome, reasons,"
            " adapter, answers, created_at, changed_at) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING *",
            (
                dialog_id,
                upto_id,
                attempt,
                mode,
                json.dumps(list(texts)),
                confidence,
                outcome,
                json.dumps(list(reasons)),
                adapter,
                json.dumps({message.id: fingerprint(message.said) for message in answers}),
                now.timestamp(),
                now.timestamp(),
            ),
        ).fetchone()
        return _of(row)

    def get(self, suggestion_id: int) -> Suggestion | None:
        """One by its number."""
        row = self._live.db.execute("SELECT * FROM suggestions WHERE id = ?", (suggestion_id,)).fetchone()
        return _of(row) if row else None

    def in_state(self, *states: State, dialog_id: int | None = None) -> list[Suggestion]:
        """Those in these states, oldest first, of one dialog or of all."""
        where = f"state IN ({', '.join('?' * len(states))})"
        values: tuple[object, ...] = states
        if dialog_id is not None:
            where, values = f"{where} AND dialog_id = ?", (*values, dialog_id)
        return [
            _of(row) for row in self._live.db.execute(f"SELECT * FROM suggestions WHERE {where} ORDER BY id", values)
        ]

    def skipped_upto(self, dialog_id: int) -> int:
        """The newest message to which the owner decided to say nothing; 0 for none."""
        (newest,) = self._live.db.execute(
            "SELECT max(upto_id) FROM suggestions WHERE dialog_id = ? AND state = ?", (dialog_id, State.SKIPPED)
        ).fetchone()
        return newest or 0

    def stale_drafts(self) -> list[Suggestion]:
        """Those that were put into an input box and have ended since, here or in another process."""
        states = ", ".join(f"'{state}'" for state in _GONE)
        rows = self._live.db.execute(
            f"SELECT * FROM suggestions WHERE surface = 'draft' AND state IN ({states}) ORDER BY id"
        )
        return [_of(row) for row in rows]

    def withdrawn(self, suggestion: Suggestion) -> None:
        """Its text is in the input box no more."""
        self.shown_on(suggestion, "withdrawn")

    def shown_on(self, suggestion: Suggestion, surface: str) -> None:
        """Note where it is shown, whatever its state."""
        self._live.db.execute("UPDATE suggestions SET surface = ? WHERE id = ?", (surface, suggestion.id))

    def attempts(self, dialog_id: int, upto_id: int) -> int:
        """How many suggestions this turn has had."""
        (n,) = self._live.db.execute(
            "SELECT count(*) FROM suggestions WHERE dialog_id = ? AND upto_id = ?", (dialog_id, upto_id)
        ).fetchone()
        return int(n)

    def move(
        self,
        suggestion: Suggestion,
        state: State,
        now: datetime,
        *,
        final: Iterable[str] | None = None,
        surface: str | None = None,
    ) -> Suggestion | None:
        """Along one arrow, if nobody was faster; None means that the suggestion has moved on since it was read."""
        if state not in ARROWS.get(suggestion.state, ()):
            raise ValueError(f"no arrow {suggestion.state} -> {state}")
        row = self._live.db.execute(
            "UPDATE suggestions SET state = ?, revision = revision + 1, changed_at = ?, final = coalesce(?, final),"
            " surface = coalesce(?, surface) WHERE id = ? AND revision = ? RETURNING *",
            (
                state,
                now.timestamp(),
                json.dumps(list(final)) if final is not None else None,
                surface,
                suggestion.id,
                suggestion.revision,
            ),
        ).fetchone()
        return _of(row) if row else None


def fingerprint(text: str) -> str:
    """What shows later that a text was changed, without keeping it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of(row: sqlite3.Row) -> Suggestion:
    return Suggestion(
        id=row["id"],
        dialog_id=row["dialog_id"],
        upto_id=row["upto_id"],
        attempt=row["attempt"],
        state=State(row["state"]),
        revision=row["revision"],
        mode=Mode(row["mode"]),
        texts=tuple(json.loads(row["texts"])),
        confidence=row["confidence"],
        outcome=row["outcome"],
        reasons=tuple(json.loads(row["reasons"])),
        adapter=row["adapter"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        answers={int(message_id): said for message_id, said in json.loads(row["answers"]).items()},
        final=tuple(json.loads(row["final"])) if row["final"] else None,
        surface=row["surface"],
    )
