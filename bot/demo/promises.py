"""Did the promises hold? Checked against the server's own log, not against what the twin says of itself.

The promises are about the product and hold whatever the model learned. The figures are about this run.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from bot.demo.evening import Evening, Pause
from bot.demo.person import SURE
from bot.demo.town import Sent, TownHall
from bot.home import Home
from bot.livedb import LiveDb

LEARNED = 0.93
"""Held-out loss with the adapter, as a share of the untuned model's."""
MINUTES = 5.0
"""With this much training the twin must have learned; the limit is 0.93, two cores reach 0.92."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence, and whether it held. One that is not `judged` decides nothing."""

    sentence: str
    held: bool
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evening left behind, on the server and in the home folder. Chats are named by their ids."""

    modes: Mapping[int, str]
    machines: frozenset[int]
    delivered: Sequence[Sent]
    """By the server's log: what the twin's login sent to others, oldest first."""
    incoming: frozenset[tuple[int, int]]
    """By the server's log: chat and id of each message that came into a listed chat."""
    decided: Sequence[tuple[int, str]]
    """What the person let out: chat and text."""
    outbox: Sequence[Sent] = ()
    """By the twin: what it sent."""
    outcomes: Mapping[tuple[int, int], str | None] = field(default_factory=dict)
    """By the twin: what became of each incoming message."""
    by_itself: Sequence[tuple[float | None, str]] = ()
    """Confidence and the guard's verdict of each suggestion that nobody decided on."""
    pause: Pause | None = None


def evidence(town: TownHall, home: Home, evening: Evening) -> Evidence:
    """Collect it."""
    with closing(LiveDb(home.live)) as live:
        rows = live.db.execute("SELECT dialog_id, random_id, text FROM outbox WHERE state = 'sent' ORDER BY sent_at")
        outbox = [Sent(*row) for row in rows]
        inbox = live.db.execute("SELECT dialog_id, message_id, outcome FROM inbox")
        outcomes = {(row[0], row[1]): row[2] for row in inbox}
        alone = live.db.execute("SELECT confidence, outcome FROM suggestions WHERE surface = 'auto'")
        by_itself = [(row[0], row[1]) for row in alone]
    return Evidence(
        modes=evening.modes,
        machines=town.machines,
        delivered=town.delivered,
        incoming=frozenset((peer, number) for peer, number in town.incoming if peer in evening.modes),
        decided=evening.decided,
        outbox=outbox,
        outcomes=outcomes,
        by_itself=by_itself,
        pause=evening.pause,
    )


def promises(found: Evidence) -> Iterator[Promise]:
    """Every promise that an evening can show."""
    peers = {each.peer for each in found.delivered}
    let_out = Counter((each.peer, each.text) for each in found.delivered if found.modes.get(each.peer) != "auto")
    unsure = [one for one in found.by_itself if one[1] != "pass" or one[0] is None or one[0] < SURE]
    pause = found.pause
    yield Promise("each message was delivered once, where it was meant to go", _once(found))
    yield Promise("nothing went to a machine", not peers & found.machines)
    yield Promise("nothing went to a chat that is off", peers <= set(found.modes))
    yield Promise("outside auto, nothing went out but what the owner let out", let_out <= Counter(found.decided))
    yield Promise("nothing went out by itself that was unsure, or that the guard held", not unsure)
    yield Promise(
        "each incoming message of a listed chat has one outcome, and no other chat was listened to",
        set(found.outcomes) == found.incoming and None not in found.outcomes.values(),
    )
    yield Promise(
        "the pause outlived a restart of the client, which heard a message and sent nothing",
        pause is not None and pause.heard_after_restart and pause.sent_after == pause.sent_before,
    )


def _once(found: Evidence) -> bool:
    unique = len({each.random_id for each in found.delivered}) == len(found.delivered)
    return unique and Counter(found.delivered) == Counter(found.outbox)


def figures(report: Mapping[str, Any], *, hands_off: bool, minutes: float, invented: bool) -> Iterator[Promise]:
    """What this run reached, by its report. Without a person it must have reached all of it; that the twin learned is
    asked only of a training as long as the default one, and the invented cast is too small for anything of the kind."""
    gain = report["own_gain_interval"]
    yield Promise("the twin spoke from a 4-bit model (nf4)", report["quantization"] == "nf4", hands_off)
    yield Promise("one suggestion or more was drafted, and two or more messages were sent", _used(report), hands_off)
    if invented:
        return
    yield Promise("10,000 messages or more were pulled", report["pulled"] >= 10_000, hands_off)
    yield Promise(
        "the own gain has an interval, over four other persons or more",
        gain is not None and len(report["controls"]) >= 4,
        hands_off,
    )
    yield Promise(
        f"the twin learned: on held-out words its loss is {LEARNED} of the untuned model's, or less",
        report["loss_adapter"] <= LEARNED * report["loss_base"],
        hands_off and minutes >= MINUTES,
    )


def _used(report: Mapping[str, Any]) -> bool:
    return bool(report["drafted"] >= 1 and report["sent"] >= 2)
