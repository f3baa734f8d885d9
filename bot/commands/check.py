"""status, doctor, demo: where am I, is this machine ready, and what is it like."""

from typing import Annotated

import typer

from bot import show
from bot.commands.options import Json
from data.errors import ExitCode


def status(as_json: Json = False) -> None:
    """Where you are, and which verb comes next. The same as `doppelgram` alone."""
    from bot import status as where
    from bot.desk import Desk

    with Desk.open() as desk:
        found, zone = where.look(desk), desk.zone
    if as_json:
        show.data(found.as_json())
        return
    modes = ", ".join(f"{n} {mode}" for mode, n in sorted(found.mode_counts.items())) or "all off"
    waits = f"{show.count(found.pending, 'suggestion')} wait{'s' if found.pending == 1 else ''} for you"
    boxes = f" ({found.in_boxes} in your input boxes in Telegram)" if found.in_boxes else ""
    state = f"{'running' if found.running else 'not running'}{', paused' if found.paused else ''}"
    show.table(
        ("", ""),
        [
            ("account", found.account if found.logged_in else "not logged in"),
            ("messages", f"{found.messages} from {found.consented} consented of {found.chats} chats"),
            ("dataset", f"{found.samples} samples"),
            ("adapter", found.adapter or "none"),
            ("modes", modes),
            *([("companion", found.companion)] if found.companion else []),
            *([("at work", found.busy)] if found.busy else []),
            ("now", f"{state}; {f'{waits}{boxes}' if found.pending else 'nothing waits for you'}"),
        ],
    )
    for row in found.waiting:
        nouns = [noun for noun in ("suggestion", "message", "bubble") if row[f"{noun}s"]]
        counts = [show.count(int(str(row[f"{noun}s"])), noun) for noun in nouns]
        show.say(f"Waiting in {show.plain(str(row['title']))}: {', '.join(counts)}.")
    if found.limited_until:
        until = f"{found.limited_until.astimezone(zone):%a %H:%M}"
        show.say(f"Telegram limits this account: nothing is automatic until {until}.")
    if not (found.running and found.next == where.RUN):
        show.say(f"Next: {found.next}", "bold")


def doctor(as_json: Json = False) -> None:
    """Check this machine: every failure comes with the one line that mends it."""
    from bot import doctor as physician
    from bot.desk import Desk

    with Desk.open() as desk:
        checks = list(physician.examine(desk))
    if as_json:
        show.data({"checks": [check.as_json() for check in checks]})
    else:
        show.table(("", "check", "found"), [("ok" if c.ok else "FAIL", c.name, c.detail) for c in checks])
        for check in checks:
            if not check.ok:
                show.say(f"{check.name}: {check.fix}")
    if not all(check.ok for check in checks):
        raise typer.Exit(ExitCode.PREFLIGHT)


def demo(
    hands_off: Annotated[bool, typer.Option("--hands-off", help="Nobody answers; exit 0 only if all held.")] = False,
    minutes: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="How long to train. From 5 on, --hands-off fails unless the loss falls to 0.93 of the untuned.",
        ),
    ] = 5.0,
    as_json: Json = False,
) -> None:
    """All steps on this machine: no account, no GPU, a Telegram server on loopback, a real small model."""
    from bot import demo as tour

    raise typer.Exit(tour.run(hands_off=hands_off, minutes=minutes, as_json=as_json))
