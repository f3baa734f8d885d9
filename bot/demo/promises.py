"""Did the promises hold? Checked against the server's own delivery log, not against what the twin says of itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.evening import ENOUGH_SENT, Evening
from bot.demo.town import TownHall
from bot.home import Home
from bot.livedb import LiveDb

JUDGED_FROM = 5.0
"""Minutes of training from which on the figures of the training are a promise too."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence, and whether it held."""

    sentence: str
    held: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evening left behind: the server's side first, then the twin's."""

    delivered: Sequence[tuple[int, int | None, str]]
    """`(peer, random_id, text)` of every message that the server delivered for the twin's login."""
    heard: Sequence[tuple[int, int]]
    unanswered: Sequence[tuple[int, int]]
    silent: Sequence[int]
    sent_while_paused: int
    modes: dict[int, str]
    sent: Sequence[tuple[int, int, str]]
    """The same from the outbox."""
    outcomes: dict[tuple[int, int], str | None]
    """What became of each message in the inbox."""
    by_hand: frozenset[int]
    """The random ids of what a person approved or edited in the terminal."""
    unsure: int
    """Suggestions that went out by themselves below the threshold."""
    drafted: int


def gather(town: TownHall, home: Home, evening: Evening) -> Evidence:
    """Ask the server, and read the twin's rows."""
    live = LiveDb(home.live)
    try:
        sent = live.db.execute("SELECT dialog_id, random_id, text FROM outbox WHERE state = 'sent'").fetchall()
        by_hand = live.db.execute(
            "SELECT random_id FROM outbox JOIN suggestions ON suggestions.id = suggestion_id"
            " WHERE suggestions.surface = 'terminal'"
        ).fetchall()
        inbox = live.db.execute("SELECT dialog_id, message_id, outcome FROM inbox").fetchall()
        (unsure,) = live.db.execute(
            "SELECT count(*) FROM suggestions WHERE surface = 'auto' AND (confidence IS NULL OR confidence < 0.5)"
        ).fetchone()
    finally:
        live.close()
    return Evidence(
        delivered=[(each.peer_id, each.random_id, each.text) for each in town.delivered],
        heard=evening.heard,
        unanswered=evening.unanswered,
        silent=evening.silent,
        sent_while_paused=evening.sent_while_paused,
        modes=evening.modes,
        sent=[(row[0], row[1], row[2]) for row in sent],
        outcomes={(row[0], row[1]): row[2] for row in inbox},
        by_hand=frozenset(row[0] for row in by_hand),
        unsure=unsure,
        drafted=evening.tally["drafted"],
    )


def kept(seen: Evidence) -> list[Promise]:
    """What must hold on every evening, however well the model learned."""
    return list(_kept(seen))


def _kept(seen: Evidence) -> Iterator[Promise]:
    peers = {peer for peer, *_ in seen.delivered}
    once = max(Counter(random_id for _, random_id, _ in seen.delivered).values(), default=1) == 1
    yield Promise(
        "each message was delivered once, to the chat it was meant for",
        once and sorted(seen.delivered, key=repr) == sorted(seen.sent, key=repr),
    )
    yield Promise(
        "the chats in draft and ask got nothing that nobody had decided on",
        all(seen.modes.get(peer) == "auto" or random_id in seen.by_hand for peer, random_id, _ in seen.delivered),
    )
    yield Promise(
        "chats that are off, bots and groups were never answered", peers <= seen.modes.keys() - set(seen.silent)
    )
    yield Promise("nothing went out by itself below the confidence threshold", seen.unsure == 0)
    yield Promise(
        "every message that came in has its one outcome",
        all(seen.outcomes.get(message) is not None for message in seen.heard),
    )
    yield Promise(
        "nothing was sent while paused, also not after a new start; what came then waits",
        seen.sent_while_paused == 0 and all(seen.outcomes.get(each, "none") is None for each in seen.unanswered),
    )
    yield Promise(
        "at least one suggestion was drafted and two messages were sent",
        seen.drafted >= 1 and len(seen.delivered) >= ENOUGH_SENT,
    )


def learned(report: dict[str, Any], minutes: float) -> list[Promise]:
    """What the figures of the demo's own chats promise. A shorter training than the usual one promises no loss."""
    promises = [
        Promise("10,000 messages or more were pulled", report["pulled"] >= 10_000),
        Promise("the twin answered from a model in 4 bit", report["quantization"] == "nf4"),
        Promise("four other persons or more were the control", len(report["controls"]) >= 4),
    ]
    if minutes >= JUDGED_FROM:
        fallen = report["loss_adapter"] <= 0.93 * report["loss_base"]
        promises.append(Promise("the loss on unseen words of the owner fell by 7 % or more", fallen))
    return promises
