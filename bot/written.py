"""What the twin wrote: every message of its own that went out, or may have."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.livedb import LiveDb


@dataclass(frozen=True, slots=True)
class Written:
    """One message."""

    id: int
    suggestion_id: int
    dialog_id: int
    text: str
    state: str
    """`sent`, `sending` (an answer is awaited, or was lost) or `unknown`."""
    message_id: int | None
    sent_at: datetime | None
    surface: str
    """Who let it out: `auto` for nobody."""
    adapter: str


def written(live: LiveDb, dialog_id: int | None = None) -> list[Written]:
    """In one chat or in all, in the order of writing."""
    rows = live.db.execute(
        "SELECT outbox.id, suggestion_id, outbox.dialog_id, text, outbox.state, message_id, sent_at, surface, adapter"
        " FROM outbox JOIN suggestions ON suggestions.id = suggestion_id"
        " WHERE outbox.state IN ('sending', 'sent', 'unknown') AND (?1 IS NULL OR outbox.dialog_id = ?1)"
        " ORDER BY outbox.id",
        (dialog_id,),
    )
    return [
        Written(**dict(row) | {"sent_at": datetime.fromtimestamp(row["sent_at"], UTC) if row["sent_at"] else None})
        for row in rows
    ]
