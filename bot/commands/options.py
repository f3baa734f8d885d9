"""Options that several verbs share, said once."""

from typing import Annotated

import typer


def _known_chats(incomplete: str) -> list[str]:
    """Completion of CHAT: usernames and titles from the archive. Never an error, whatever is wrong there."""
    try:
        from bot.desk import Desk

        with Desk.open() as desk:
            dialogs = desk.archive.dialogs() if desk.home.archive.exists() else []
    except Exception:
        return []
    names = [f"@{dialog.username}" if dialog.username else dialog.title for dialog in dialogs if dialog.with_a_person]
    return [name for name in names if name.casefold().startswith(incomplete.casefold())]


Json = Annotated[bool, typer.Option("--json", help="One JSON value on standard output.")]
Chat = Annotated[
    str,
    typer.Argument(
        metavar="CHAT", help="@username, id, phone or exact title.", autocompletion=_known_chats, show_default=False
    ),
]
Chats = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHAT",
        help="@username, id, phone or exact title.",
        autocompletion=_known_chats,
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
