"""chats, chats list, chats set: the list of chats, and how far the twin may go in each."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot import show
from bot.commands.options import Chat, Json

if TYPE_CHECKING:
    from bot.desk import Desk

app = typer.Typer(help="Your chats, and how far the twin may go in each.", invoke_without_command=True)
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask Telegram for the list again.")]


@app.callback()
def chats(context: typer.Context, refresh: Refresh = False, as_json: Json = False) -> None:
    """Your chats, and how far the twin may go in each."""
    if context.invoked_subcommand is None:
        list_chats(refresh, as_json)


@app.command("list")
def list_chats(refresh: Refresh = False, as_json: Json = False) -> None:
    """List them, the most recent first."""
    from bot import account
    from bot.desk import Desk

    with Desk.open() as desk:
        if refresh or (not desk.archive.dialogs() and account.is_logged_in(desk)):
            from bot import online

            online.done(desk, "chats --refresh")
        rows, zone = rows_of(desk), desk.zone
    if as_json:
        show.data(rows)
        return
    if not rows:
        show.say("No chats are known yet. Next: doppelgram login")
        return
    columns = ("id", "title", "kind", "mode", "consent", "messages", "last_at")
    show.table(columns, [["-" if row[column] is None else row[column] for column in columns] for row in rows], zone)


def rows_of(desk: "Desk") -> list[dict[str, object]]:
    """One row for each chat, as `--json` shows it."""
    from bot.policy import Mode
    from data.consent import Ledger

    consents = Ledger(desk.archive).active()
    modes = desk.policy.modes(desk.now)
    return [
        {
            "id": dialog.id,
            "title": dialog.title,
            "username": dialog.username,
            "kind": dialog.kind,
            "mode": modes.get(dialog.id, Mode.OFF),
            "consent": consents[dialog.id].scope if dialog.id in consents else None,
            "messages": desk.archive.count(dialog.id),
            "last_at": dialog.last_at,
        }
        for dialog in desk.archive.dialogs()
    ]


@app.command("set")
def set_mode(
    chat: Chat,
    mode: Annotated[Literal["off", "draft", "ask", "auto"], typer.Option(help="How far the twin may go.")],
    force: Annotated[bool, typer.Option("--force", help="Allow auto before the chat has earned it.")] = False,
    as_json: Json = False,
) -> None:
    """off: nothing. draft: into your input box. ask: you approve each. auto: sends by itself when it is sure."""
    from bot.desk import Desk
    from bot.policy import Mode
    from bot.switching import switch

    with Desk.open() as desk:
        made = switch(desk.archive, desk.policy, chat, Mode(mode), desk.now, force=force)
    dialog, silent = made.dialog, made.silent
    if as_json:
        show.data({"id": dialog.id, "title": dialog.title, "mode": mode, "silent_without_consent": silent})
    else:
        show.say(f"{show.plain(dialog.title)}: {mode}.", "green")
        for remark in made.remarks:
            show.say(remark)
    if silent:
        show.say("It stays silent there until the other side has agreed and you have recorded it:")
        show.say(f"  doppelgram consent grant {dialog.id} --scope chat")
