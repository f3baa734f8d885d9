"""What must be known of all chats before one of them can be cut: counted by SQLite, so that no message is held here."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from data.archive import Archive

_OWN = (
    "dialog_id = ? AND mine AND NOT (by_twin OR forwarded OR via_bot OR service) "
    "AND text <> '' AND coalesce(media, '') = ''"
)
_GAPS = """
    SELECT CAST(gap AS INTEGER), own, count(*) FROM (
        SELECT sent_at - lag(sent_at) OVER (ORDER BY id) AS gap, mine AND lag(mine) OVER (ORDER BY id) AS own
        FROM messages WHERE dialog_id = ?) WHERE gap >= 1 GROUP BY 1, 2
"""


@dataclass(slots=True)
class Census:
    """Counts over chats."""

    messages: Counter[int] = field(default_factory=Counter)
    """All messages, by dialog."""
    own: Counter[int] = field(default_factory=Counter)
    """The owner's own messages, by dialog."""
    times: "array[float]" = field(default_factory=lambda: array("d"))
    """When the owner wrote, seconds since 1970, in order."""
    bursts: Counter[int] = field(default_factory=Counter)
    """Gaps in seconds between two messages of the owner with nothing in between."""
    gaps: Counter[int] = field(default_factory=Counter)
    """Gaps in seconds between any two neighbouring messages."""
    replies: Counter[str] = field(default_factory=Counter)
    """How often the owner wrote each short message, as `normal` writes it."""


def take(archive: Archive, dialogs: Iterable[int], normal: Callable[[str], str], short: int) -> Census:
    """Count over these dialogs; `replies` holds messages of fewer than `short` characters."""
    census = Census()
    for dialog_id in dialogs:
        times = array(
            "d", (at for (at,) in archive.db.execute(f"SELECT sent_at FROM messages WHERE {_OWN}", (dialog_id,)))
        )
        census.messages[dialog_id] = archive.count(dialog_id)
        if not times:
            continue
        census.own[dialog_id] = len(times)
        census.times.extend(times)
        for gap, own, count in archive.db.execute(_GAPS, (dialog_id,)):
            census.gaps[gap] += count
            if own:
                census.bursts[gap] += count
        said = f"SELECT text, count(*) FROM messages WHERE {_OWN} AND length(text) < ? GROUP BY 1"
        for text, count in archive.db.execute(said, (dialog_id, short)):
            census.replies[normal(text)] += count
    census.times = array("d", sorted(census.times))
    return census
