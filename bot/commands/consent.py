"""consent ask, grant, revoke, list: who allowed what."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot import show
from bot.commands.options import Chat, Chats, Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from data.message import Dialog, Person
    from data.transcript import Scope

app = typer.Typer(help="Who allowed what: without a record nothing is pulled or learned.", no_args_is_help=True)


@app.command()
def grant(
    scope: Annotated[
        Literal["own", "chat"],
        typer.Option(help="own: only your words, the other side becomes marks. chat: the other person agreed to all."),
    ],
    chats: Chats = None,
    every: Annotated[bool, typer.Option("--all", help="Every private chat without a record; scope own only.")] = False,
    member: Annotated[
        str | None, typer.Option(help="In a group: who agreed. Others' words there stay marks.", show_default=False)
    ] = None,
    how: Annotated[str | None, typer.Option(help="How they agreed, in your words.")] = None,
    as_json: Json = False,
) -> None:
    """Record a consent. It is your own statement that you have it."""
    from bot import consenting, progress
    from bot.desk import Desk
    from data.message import Kind
    from data.transcript import Scope

    wanted = Scope(scope)
    if how is not None and not how.strip():
        raise UserError("--how is blank.", "Say in your words how they agreed, or leave it out.", ExitCode.USAGE)
    if chats and every:
        raise UserError("CHAT and --all are two ways to say which chats.", "Give one of them.", ExitCode.USAGE)
    if not chats and not every:
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
        chosen = _chosen(desk, chats)
        if member or (wanted is Scope.CHAT and any(each.kind is Kind.GROUP for each in chosen)):
            who = consenting.grant_member(desk, chosen, wanted, member, how)
            _tell_of_member(chosen, wanted, who, as_json=as_json)
            return
        with progress.bar("consent") as bar:
            report = consenting.grant(desk, chosen, wanted, how, bar.at)
    if as_json:
        show.data({"granted": [each.id for each in chosen], "scope": scope, **report})
        return
    what = "the whole chat" if wanted is Scope.CHAT else "only your own words"
    names = show.plain(chosen[0].title) if len(chosen) == 1 else show.count(len(chosen), "chat")
    show.say(f"{names}: {what} may be used. Next: doppelgram pull --all", "green")
    if again := report["pull_again"]:
        ids = " ".join(map(str, again))
        show.say(f"What they wrote until now lies here as marks; to have the texts: doppelgram pull {ids}")
    if report["masked"]:
        show.say("What they wrote lies here as marks of length and kind now, and the chat is off.")
    if report["dataset"]:
        show.say("The dataset held their words and is removed. Next: doppelgram build")
    if stale := report["stale_adapters"]:
        show.say(f"Stale now, because it was trained on their words: {', '.join(stale)}. Next: doppelgram train")


def _chosen(desk: "Desk", names: list[str] | None) -> "list[Dialog]":
    """The chats of these names; without names every person's without a record."""
    from bot.chats import find, whole
    from data.consent import Ledger, demand_keepable

    if not names:
        active = Ledger(desk.archive).active()
        return [each for each in desk.archive.dialogs() if each.with_a_person and each.id not in active]
    parts = (part for name in names for part in whole(desk.archive, find(desk.archive, name)))
    chosen = list({part.id: part for part in parts}.values())
    for dialog in chosen:
        demand_keepable(dialog)
    return chosen


def _tell_of_member(chosen: "list[Dialog]", scope: "Scope", who: "Person", *, as_json: bool) -> None:
    if as_json:
        show.data({"granted": [each.id for each in chosen], "scope": scope, "member": who.id})
        return
    group = show.plain(chosen[0].title)
    show.say(
        f"{show.plain(who.name)} in {group}: their words may be used. Next: doppelgram pull {chosen[0].id}", "green"
    )


@app.command()
def revoke(
    chat: Chat,
    member: Annotated[str | None, typer.Option(help="In a group: one member alone.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Take a consent back: the chat is off at once, and what was learned from it is stale."""
    from bot import consenting, renting
    from bot.chats import find, whole
    from bot.desk import Desk

    with Desk.open() as desk:
        dialog = find(desk.archive, chat)
        done = consenting.revoke(desk, dialog, member)
        elsewhere = renting.held(desk.home, *(part.id for part in whole(desk.archive, dialog))) if done.had else None
    if as_json:
        ended = {"revoked": done.had, "cancelled": done.cancelled, "stale_adapters": done.stale}
        show.data({"id": dialog.id, **ended, "held_by": elsewhere and elsewhere.host})
        return
    title, member = show.plain(dialog.title), show.plain(done.member)
    if not done.had:
        show.say(f"{member or title} had no consent on record{f' in {title}' if member else ''}.")
        return
    if member:
        show.say(f"{member} in {title}: revoked. Their words there are marks now, and the group is off.", "green")
        show.say(show.plain(done.standing))
    else:
        show.say(f"{title}: revoked, and off.", "green")
    if done.stale:
        show.say(f"Stale now, because it was trained on this chat: {', '.join(done.stale)}. Next: doppelgram build")
    if not member:
        show.say(f"Its messages are still in the archive; to remove them: doppelgram forget {dialog.id}")
    if elsewhere:
        show.say(renting.remains(elsewhere), "yellow")


@app.command("ask")
def ask_for(
    chat: Chat,
    language: Annotated[
        str | None, typer.Option(help="en, ru, uk, de, es, fr, it or pt; else the one you write in there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a request into that chat's input box, in every Telegram app: you read it, change it and send it yourself."""
    from bot import online, request
    from bot.desk import Desk

    if language and language not in request.LANGUAGES:
        known = ", ".join(request.LANGUAGES)
        raise UserError(f"There is no request in {language} yet.", f"Choose one of {known}.", ExitCode.USAGE)
    with Desk.open() as desk:
        asked = online.done(desk, "consent ask", {"chat": chat, "language": language})
    if as_json:
        show.data(asked)
        return
    show.say(f"It waits in the input box of {show.plain(asked['title'])}. Nothing is sent until you do.", "green")
    show.say(f'When they have agreed: doppelgram consent grant {asked["id"]} --scope chat --how "..."')


@app.command("list")
def list_consents(as_json: Json = False) -> None:
    """Every record ever made, oldest first."""
    from bot.desk import Desk
    from data.consent import Ledger

    with Desk.open() as desk:
        titles = {dialog.id: dialog.title for dialog in desk.archive.dialogs()}
        records = Ledger(desk.archive).history()
        rows: list[dict[str, object]] = [
            {
                "id": each.dialog_id,
                "title": titles.get(each.dialog_id),
                "member": each.member_id,
                "scope": each.scope,
                "granted_at": each.granted_at,
                "granted_by": each.granted_by,
                "how": each.how,
                "revoked_at": each.revoked_at,
            }
            for each in records
        ]
        zone = desk.zone
        names = titles | {each.id: each.name for each in desk.archive.people().values()}
    if as_json:
        show.data(rows)
    elif rows:
        for row, record in zip(rows, records, strict=True):
            row["title"] = row["title"] or record.dialog_id  # a forgotten chat has no name any more
            row["member"] = names.get(record.member_id or 0, record.member_id)
        show.table(tuple(rows[0]), [list(row.values()) for row in rows], zone, aside=("id", "granted_by"))
    else:
        show.say("No consent is on record. Next: doppelgram consent grant CHAT --scope own")
