"""Did the promises hold? Checked against the server's own delivery log, not against what the twin says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.demo.evening import Evening
from bot.demo.town import TownHall
from bot.home import Home
from bot.livedb import LiveDb


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence, and whether it held."""

    sentence: str
    held: bool


def check(town: TownHall, home: Home, evening: Evening) -> list[Promise]:
    """Every promise that an evening can show."""
    live = LiveDb(home.live)
    try:
        return list(_promises(town, live, evening))
    finally:
        live.close()


def _promises(town: TownHall, live: LiveDb, evening: Evening) -> Iterator[Promise]:
    delivered = [(each.peer_id, each.random_id, each.text) for each in town.delivered]
    rows = [
        tuple(row)
        for row in live.db.execute(
            "SELECT dialog_id, random_id, text FROM outbox WHERE state = 'sent' ORDER BY sent_at"
        )
    ]
    asked = {mode: dialog_id for dialog_id, mode in evening.modes.items()}
    approved = {
        row[0] for row in live.db.execute("SELECT id FROM suggestions WHERE surface = 'auto' AND confidence < 0.5")
    }
    open_rows = live.db.execute("SELECT count(*) FROM inbox WHERE outcome IS NULL AND dialog_id != ?", (asked["auto"],))
    yield Promise("each message was delivered once, to the chat it was meant for", sorted(delivered) == sorted(rows))
    yield Promise("the chat in draft got nothing but a draft", all(peer != asked["draft"] for peer, *_ in delivered))
    yield Promise(
        "chats that are off, bots and groups were never answered",
        all(peer in evening.modes for peer, *_ in delivered) and not {p for p, *_ in delivered} & set(evening.silent),
    )
    yield Promise("nothing went out by itself below the confidence threshold", not approved)
    yield Promise("every incoming message has its one outcome", open_rows.fetchone()[0] == 0)
    yield Promise("the pause outlived the client", live.db.execute("SELECT 1 FROM switches").fetchone() is not None)
    yield Promise("at least one suggestion was drafted and two messages were sent", _enough(evening, len(delivered)))


def _enough(evening: Evening, sent: int) -> bool:
    return evening.tally["drafted"] >= 1 and sent >= 2
