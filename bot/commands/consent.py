"""consent ask, grant, revoke, list: who allowed what."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot import show
from bot.commands.options import Chat, Chats, Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from data.message import Dialog
    from data.transcript import Scope

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
    member: Annotated[
        str | None, typer.Option(help="In a group: who agreed. Others' words there stay marks.", show_default=False)
    ] = None,
    how: Annotated[str | None, typer.Option(help="How they agreed, in your words.")] = None,
    as_json: Json = False,
) -> None:
    """Record a consent. It is your own statement that you have it."""
    from bot import account
    from bot.desk import Desk
    from data.message import Kind
    from data.transcript import Scope

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
        account.demand_clock(desk.now)  # a record says when
        chosen = _chosen(desk, chats)
        if member or (wanted is Scope.CHAT and any(each.kind is Kind.GROUP for each in chosen)):
            _grant_member(desk, chosen, wanted, member, how or CHAT_HOW, as_json=as_json)
            return
        report = _grant(desk, chosen, wanted, how or (OWN_HOW if wanted is Scope.OWN else CHAT_HOW))
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
    from data.consent import Ledger

    if not names:
        active = Ledger(desk.archive).active()
        return [each for each in desk.archive.dialogs() if each.with_a_person and each.id not in active]
    parts = (part for name in names for part in whole(desk.archive, find(desk.archive, name)))
    chosen = list({part.id: part for part in parts}.values())
    for dialog in chosen:
        if not dialog.may_be_kept:
            raise UserError(
                f"{dialog.title} is a {dialog.kind}, not a person.", "People, groups and your own notes can be allowed."
            )
    return chosen


def _grant_member(
    desk: "Desk", chosen: "list[Dialog]", scope: "Scope", name: str | None, how: str, *, as_json: bool
) -> None:
    """Record that one member of a group, and of what the group was before, agreed."""
    from bot import account
    from bot.chats import person
    from data.consent import Ledger
    from data.message import Kind
    from data.transcript import Scope

    if name is None:
        raise UserError(
            "In a group each member agrees alone.",
            "Name one who did: doppelgram consent grant GROUP --scope chat --member @anna",
            ExitCode.USAGE,
        )
    if scope is not Scope.CHAT or any(each.kind is not Kind.GROUP for each in chosen):
        raise UserError("--member is for groups, with --scope chat.", "Name a group.", ExitCode.USAGE)
    who, owner = person(desk.archive, name), account.owner_of(desk.archive)
    for dialog in chosen:
        Ledger(desk.archive).grant_member(dialog.id, who.id, owner.name if owner else "owner", how, desk.now)
    if as_json:
        show.data({"granted": [each.id for each in chosen], "scope": scope, "member": who.id})
        return
    group = show.plain(chosen[0].title)
    show.say(
        f"{show.plain(who.name)} in {group}: their words may be used. Next: doppelgram pull {chosen[0].id}", "green"
    )


def _grant(desk: "Desk", chosen: "list[Dialog]", scope: "Scope", how: str) -> dict[str, Any]:
    """Record the consents; returns what follows from those that are narrower or wider than before."""
    from bot import account, erase, progress
    from bot.silence import silence
    from data.consent import Ledger
    from data.transcript import Scope

    ledger, owner = Ledger(desk.archive), account.owner_of(desk.archive)
    before = {each.dialog_id: each.scope for each in ledger.history()}
    changed = [each.id for each in chosen if before.get(each.id, scope) is not scope]
    with progress.bar("consent") as bar:
        for done, dialog in enumerate(chosen):
            bar.at(done / len(chosen), dialog.title)
            if scope is Scope.OWN and dialog.id in changed:
                silence(desk.live, dialog.id, desk.now)
            ledger.grant(dialog.id, scope, owner.name if owner else "owner", how, desk.now)
        held = [each for each in changed if desk.archive.count(each)]
        if scope is Scope.CHAT:
            return {"pull_again": held, "masked": [], "dataset": False, "stale_adapters": []}
        bar.at(1.0, "leaving no trace")
        learned = erase.narrow(desk, [each.id for each in chosen])
    return {"pull_again": [], "masked": held, **learned}


@app.command()
def revoke(
    chat: Chat,
    member: Annotated[str | None, typer.Option(help="In a group: one member alone.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Take a consent back: the chat is off at once, and what was learned from it is stale."""
    from bot import erase
    from bot.chats import find, person, whole
    from bot.desk import Desk
    from bot.silence import silence
    from data.consent import Ledger
    from training.adapter import mark_stale

    with Desk.open() as desk:
        dialog = find(desk.archive, chat)
        # First nothing more is said there, then what was learned is marked, then the record ends: killed in between and
        # granted anew, what was learned before stays marked.
        ledger, parts = Ledger(desk.archive), whole(desk.archive, dialog)
        cancelled = sum(silence(desk.live, part.id, desk.now) for part in parts)
        if member:
            who = person(desk.archive, member).id
            had = bool([part for part in parts if ledger.revoke_member(part.id, who, desk.now)])
            stale = erase.narrow(desk, [part.id for part in parts])["stale_adapters"]
        else:
            agreed = [part for part in parts if ledger.of(part.id)]
            stale = [name for part in agreed for name in mark_stale(desk.home.adapters, part.id)]
            had = bool([part for part in agreed if ledger.revoke(part.id, desk.now)])
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
