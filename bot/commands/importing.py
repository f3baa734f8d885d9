"""import: what Telegram Desktop exported -> archive."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Json

if TYPE_CHECKING:
    from data.importing import Imported


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="result.json of Telegram Desktop.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Take in an export of Telegram Desktop, one chat or a whole account. Repeat it at will."""
    import time

    from bot import account, progress
    from bot.desk import Desk
    from data.desktop_export import Export
    from data.importing import Importer
    from data.owner import Owner

    with Desk.open() as desk, desk.home.holding_login("import"):
        export = Export(file, desk.zone)
        began = time.monotonic()
        known = account.owner_of(desk.archive)
        if known is None and (owner := export.account()):
            account.claim(desk.archive, known := Owner(owner.user_id, owner.name))
        with progress.bar("import") as bar:
            importer = Importer(
                desk.archive,
                lambda read, title: bar.at(read / max(1, export.size), f"{importer.report.new} new, {title}"),
            )
            imported = importer.take_in(export, known.user_id if known else None)
        report = _report(imported, time.monotonic() - began)
    if as_json:
        show.data(report)
        return
    chats, new = show.count(report["chats"], "chat"), show.count(report["new"], "new message")
    show.say(
        f"{chats}: {new}, {report['edited']} edited, {imported.known} here already."
        + show.skipped(report["skipped_without_consent"]),
        "green",
    )
    show.left_out(imported.left_out)
    show.say("Next: doppelgram build" if report["chats"] else "Next: doppelgram consent grant CHAT, then import again")


def _report(imported: "Imported", seconds: float) -> dict[str, Any]:
    return {
        "chats": imported.chats,
        "skipped_without_consent": imported.skipped_without_consent,
        "new": imported.new,
        "edited": imported.edited,
        "deleted": 0,  # an export does not say what is gone
        "known": imported.known,
        "excluded": dict(imported.left_out),
        "seconds": round(seconds, 3),
        "messages_per_second": round(imported.new / seconds, 1) if seconds else 0.0,
        "requests": 0,
        "flood_waits": 0,
    }
