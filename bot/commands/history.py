"""pull and build: history -> archive -> dataset."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bot import show
from bot.commands.options import Chats, Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.desk import Desk
    from data.message import Dialog

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English, where no tokenizer is at hand."""


def pull(
    chats: Chats = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every chat with a consent, your own notes too; others are counted.")
    ] = False,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="No message before this day, 2024-01-31.")] = None,
    takeout: Annotated[
        bool, typer.Option("--takeout", help="As an export, which Telegram slows down less if it grants one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be pulled; read no history.")] = False,
    as_json: Json = False,
) -> None:
    """Bring history into the archive: all of it the first time, then what is new. Stop it whenever you like."""
    from bot import connection, online, pulling
    from bot.desk import Desk

    if chats and every:
        raise UserError("CHAT and --all are two ways to say which chats.", "Give one of them.", ExitCode.USAGE)
    if not chats and not every:
        raise UserError("Name the chats to pull, or give --all.", "doppelgram chats lists them.", ExitCode.USAGE)
    pulling.demand_folder_names(chats or [])
    with Desk.open() as desk:
        start = _day(since, desk) if since else None
        connection.login_of(desk.settings, desk.home.session)
        for known in _known(desk, chats or []):
            pulling.demand_consent(desk, known)  # before any connection: this needs no network to be said
        wanted = {"chats": chats or [], "since": start, "dry_run": dry_run, "takeout": takeout}
        report = online.done(desk, "pull", wanted)
    idle = not report["chats"] and report["skipped_without_consent"]
    if as_json:
        show.data(report)
        return
    if dry_run:
        show.table(("id", "title"), [(each["id"], each["title"]) for each in report["would_pull"]])
        show.say(f"Would pull {show.count(report['chats'], 'chat')}.{show.skipped(report['skipped_without_consent'])}")
    else:
        done, new = show.count(report["chats"], "chat"), show.count(report["new"], "new message")
        show.say(
            f"{done}: {new}, {report['edited']} edited, {report['deleted']} deleted, in {report['seconds']:.0f} s."
            + show.skipped(report["skipped_without_consent"]),
            "green",
        )
        show.left_out(report["excluded"])
        if unchecked := report["older_edits_not_checked"]:
            chats_named = ", ".join(show.plain(title) for title in unchecked)
            show.say(f"Too much changed since the last pull; older edits not checked in: {chats_named}.")
    if idle or not dry_run:
        show.say(f"Next: doppelgram {'consent grant CHAT --scope own' if idle else 'build'}")


def _day(text: str, desk: "Desk") -> str:
    """The moment, as ISO, when that day begins for the owner."""
    try:
        begins = datetime.combine(date.fromisoformat(text), datetime.min.time(), desk.zone)
        return begins.astimezone(UTC).isoformat()
    except ValueError:
        raise UserError(f"--since {text} is not a date.", "Write it as 2024-01-31.", ExitCode.USAGE) from None


def _known(desk: "Desk", names: list[str]) -> "list[Dialog]":
    """Those of these chats that the archive knows already."""
    from bot.chats import candidates

    dialogs = desk.archive.dialogs()
    return [found[0] for name in names if len(found := candidates(dialogs, name)) == 1]


def build(
    sample_of: Annotated[
        str | None, typer.Option("--show", metavar="CHAT", help="Print a sample of it; what is learned is marked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the dataset from every chat with a consent, split by time. Run it again after each pull."""
    from bot import marked, progress
    from bot.chats import find
    from bot.desk import Desk
    from data import dataset
    from data.samples import Shape

    with Desk.open() as desk, desk.home.holding_training("build"), progress.bar("build") as bar:
        chat = find(desk.archive, sample_of) if sample_of else None
        wanted = desk.settings.transcript
        shape = Shape(wanted.window, desk.zone, wanted.zone)
        card = dataset.build(
            desk.archive,
            desk.home.key(),
            desk.home.dataset,
            shape,
            desk.now,
            lambda share: bar.at(share, "writing the dataset"),
        )
        tokens = _tokens(desk, lambda share: bar.at(share, "counting tokens"))
        base = desk.settings.model.base
        shown = marked.newest(desk.home.dataset, chat) if chat else None
    report = {
        "messages": card.messages,
        "kept": card.kept,
        "dropped": card.dropped,
        "not_learned": card.not_learned,
        "samples": card.samples,
        "turns": card.turns,
        "characters": card.characters,
        "tokens": tokens,
        "tokens_estimated": card.characters // CHARACTERS_PER_TOKEN if tokens is None else None,
        "split": card.split,
        "pause_seconds": card.pause,
        "silence_seconds": card.silence,
        "dataset": card.hash,
    }
    if as_json:
        show.data(report | ({"sample": list(marked.stretches(shown))} if shown else {}))
        return
    if shown:
        show.page(lambda colour: marked.lines(shown, colour))
    show.say(
        f"{show.count(card.samples, 'sample')} with {show.count(card.turns, 'turn')} of yours,"
        f" from {card.kept} of {show.count(card.messages, 'message')}.",
        "green",
    )
    if tokens is None:
        show.say(f"Your words are about {report['tokens_estimated']} tokens, estimated: {base} is not here to count.")
    else:
        show.say(f"Your words are {tokens} tokens of {base}.")
    for reason, n in card.dropped.items():
        show.say(f"  {n} left out: {reason}")
    for reason, n in card.not_learned.items():
        show.say(f"  {n} of yours shown, but not learned: {reason}")
    pause, silence = (show.count(round(seconds / 60), "minute") for seconds in (card.pause, card.silence))
    show.say(f"A turn of yours ends after {pause} of silence, a conversation after {silence}.")
    show.say("Next: doppelgram train")


def _tokens(desk: "Desk", progress: "Callable[[float], None]") -> int | None:
    """The owner's words in tokens of the base model; None unless base and training packages are on this machine."""
    from data import samples
    from training import base, count

    wanted = desk.settings.model
    folder = base.local(wanted.base, wanted.cache)
    if folder is None:
        return None
    dataset = [sample for name in samples.OWN_SPLITS for sample in samples.read(desk.home.dataset, name)]
    return count.tokens(folder, dataset, progress)
