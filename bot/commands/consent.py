"""consent grant, revoke, list: who allowed what."""

from typing import Annotated, Literal

import typer

from bot import show
from bot.commands.options import Chat, Chats, Json
from data.errors import ExitCode, UserError

app = typer.Typer(help="Who allowed what: without a record nothing is pulled or learned.", no_args_is_help=True)
OWN_HOW = "only the owner's own words are kept"
CHAT_HOW = "the owner states that the other person agreed"


@app.command()
def grant(
    scope: Annotated[
        Literal["own", "chat"],
        typer.Option(help="own: only your words, the other side becomes marks. chat: the other person agreed to all."),
    ],
    chats: Chats = None,
    every: Annotated[bool, typer.Option("--all", help="Every private chat without a record; scope own only.")] = False,
    how: Annotated[str | None, typer.Option(help="How they agreed, in your words.")] = None,
    as_json: Json = False,
) -> None:
    """Record a consent. It is your own statement that you have it."""
    from bot import account
    from bot.chats import find
    from bot.desk import Desk
    from data.consent import Ledger
    from data.transcript import Scope
    from training.adapter import mark_stale

    wanted = Scope(scope)
    if bool(chats) == every:
        raise UserError(
            "Name the chats, or give --all.", "doppelgram consent list shows what there is.", ExitCode.USAGE
        )
    if every and wanted is Scope.CHAT:
        raise UserError(
            "Nobody can agree for everybody: --all works with --scope own only.",
            "Name the people who agreed, each of them.",
            ExitCode.USAGE,
        )
    with Desk.open() as desk:
        ledger, owner = Ledger(desk.archive), account.owner_of(desk.archive)
        active = ledger.active()
        if chats:
            chosen = list({found.id: found for chat in chats if (found := find(desk.archive, chat))}.values())
            for dialog in chosen:
                if not dialog.with_a_person:
                    raise UserError(
                        f"{dialog.title} is a {dialog.kind}, not a person.", "Only private chats can be allowed."
                    )
        else:
            chosen = [each for each in desk.archive.dialogs() if each.with_a_person and each.id not in active]
        for dialog in chosen:
            ledger.grant(
                dialog.id,
                wanted,
                owner.name if owner else "owner",
                how or (OWN_HOW if wanted is Scope.OWN else CHAT_HOW),
                desk.now,
            )
        # An adapter that learned the other side's words may no longer be used when only the owner's are allowed.
        stale = [
            name
            for dialog in chosen
            if wanted is Scope.OWN and dialog.id in active and active[dialog.id].scope is Scope.CHAT
            for name in mark_stale(desk.home.adapters, dialog.id)
        ]
    if as_json:
        show.data({"granted": [each.id for each in chosen], "scope": scope, "stale_adapters": stale})
        return
    what = "the whole chat" if wanted is Scope.CHAT else "only your own words"
    names = show.plain(chosen[0].title) if len(chosen) == 1 else f"{len(chosen)} chats"
    show.say(f"{names}: {what} may be used. Next: doppelgram pull --all", "green")


@app.command()
def revoke(chat: Chat, as_json: Json = False) -> None:
    """Take a consent back: the chat is off at once, and what was learned from it is stale."""
    from bot.chats import find
    from bot.desk import Desk
    from bot.silence import silence
    from data.consent import Ledger
    from training.adapter import mark_stale

    with Desk.open() as desk:
        dialog = find(desk.archive, chat)
        # First nothing more is said there, then the record ends, then what was learned is marked.
        cancelled = silence(desk.live, dialog.id, desk.now)
        had = Ledger(desk.archive).revoke(dialog.id, desk.now)
        stale = mark_stale(desk.home.adapters, dialog.id)
    if as_json:
        show.data({"id": dialog.id, "revoked": had, "cancelled": cancelled, "stale_adapters": stale})
        return
    if not had:
        show.say(f"{show.plain(dialog.title)} had no consent on record.")
        return
    show.say(f"{show.plain(dialog.title)}: revoked, and off.", "green")
    if stale:
        show.say(f"Stale now, because it was trained on this chat: {', '.join(stale)}. Next: doppelgram build")
    show.say(f"Its messages are still in the archive; to remove them: doppelgram forget {dialog.id}")


@app.command("list")
def list_consents(as_json: Json = False) -> None:
    """Every record ever made, oldest first."""
    from bot.desk import Desk
    from data.consent import Ledger

    with Desk.open() as desk:
        titles = {dialog.id: dialog.title for dialog in desk.archive.dialogs()}
        rows: list[dict[str, object]] = [
            {
                "id": each.dialog_id,
                "title": titles.get(each.dialog_id),
                "scope": each.scope,
                "granted_at": each.granted_at,
                "granted_by": each.granted_by,
                "how": each.how,
                "revoked_at": each.revoked_at,
            }
            for each in Ledger(desk.archive).history()
        ]
    if as_json:
        show.data(rows)
    elif rows:
        show.table(tuple(rows[0]), [list(row.values()) for row in rows])
    else:
        show.say("No consent is on record. Next: doppelgram consent grant CHAT --scope own")
