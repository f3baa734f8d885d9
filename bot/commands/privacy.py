"""forget and wipe: one chat, or everything, without a trace on this machine."""

import asyncio
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot import ask, show
from bot.commands.options import Chat, Json, Yes
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.desk import Desk


def forget(chat: Chat, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a chat from archive, dataset, suggestions and outbox; adapters that learned from it become stale."""
    from bot import erase, renting
    from bot.chats import find, whole
    from bot.desk import Desk

    with Desk.open() as desk:
        ids, title = [int(chat)] if _is_bare_id(desk, chat) else [], chat
        if not ids:
            dialog = find(desk.archive, chat)
            ids, title = [part.id for part in whole(desk.archive, dialog)], dialog.title
        if not yes and not ask.confirmed(_at_stake(desk, title, ids), "forget"):
            raise UserError("Nothing was removed.", "To forget this chat, confirm, or give --yes.", ExitCode.USAGE)
        with _saying_what_remains(title, f"doppelgram forget {ids[0]}{' --yes' if yes else ''}"):
            removed = erase.forget(desk, *ids)
        elsewhere = renting.held(desk.home, *ids)
    if as_json:
        show.data({"id": ids[0], "removed": removed, "held_by": elsewhere and elsewhere.host})
        return
    show.say(f"{show.plain(title)} is forgotten: {show.count(removed['messages'], 'message')} removed.", "green")
    if removed["draft_left"]:
        show.say("Telegram could not be reached: words of the twin may still lie in its input box. Please look there.")
    if removed["names_left"]:
        show.say("Its name is left in the login's file while `run` is at work: forget it once more afterwards.")
    if removed["dataset"]:
        show.say("The dataset held this chat and is removed too. Next: doppelgram build")
    if stale := removed["stale_adapters"]:
        show.say(f"Stale now, because it was trained on this chat: {', '.join(stale)}. Next: doppelgram train")
    if elsewhere:
        show.say(renting.remains(elsewhere), "yellow")


def _at_stake(desk: "Desk", title: str, ids: list[int]) -> str:
    messages = show.count(sum(map(desk.archive.count, ids)), "message")
    return (
        f"Everything of {show.plain(title)} here is deleted for good: {messages}, what the twin wrote,"
        " and the dataset if it holds them."
    )


@contextmanager
def _saying_what_remains(title: str, again: str) -> "Iterator[None]":
    """What a disk does here must not end in "nothing is lost". The id works as well when the name has gone already."""
    from bot import disk

    try:
        yield
    except (OSError, sqlite3.Error) as error:
        told = disk.explain(error)
        if told is None:
            raise
        raise UserError(
            f"{told.message} {show.plain(title)} is not wholly forgotten yet.",
            f"Its words may still lie here. Mend that, then run: {again}",
        ) from error


def _is_bare_id(desk: "Desk", chat: str) -> bool:
    """A chat that is forgotten has no name here any more; by its id it can be forgotten again."""
    from bot.chats import candidates

    return chat.lstrip("-").isdigit() and not candidates(desk.archive.dialogs(), chat)


def wipe(yes: Yes = False, as_json: Json = False) -> None:
    """Delete everything of doppelgram on this machine, and end the login on Telegram's side if it can be reached."""
    from bot import erase, renting
    from bot.desk import Desk
    from bot.home import Home

    with Desk.open() as desk:
        home: Home = desk.home
        if not yes and not ask.confirmed(f"Everything in {home.path} is deleted: login, messages, adapters.", "wipe"):
            raise UserError("Nothing was deleted.", "To delete everything, confirm, or give --yes.", ExitCode.USAGE)
    with home.holding_login("wipe"), home.holding_training("wipe"), home.holding_measuring("wipe"):
        with Desk.open() as desk:
            ended = _end_login(desk)
        elsewhere = renting.held(home)  # of which nothing here will know
        removed, left = erase.wipe(home)
    if as_json:
        show.data({"files": removed, "left": left, "login_ended": ended, "held_by": elsewhere and elsewhere.host})
        return
    show.say(f"{show.count(removed, 'file')} deleted.", "green")
    if left:
        show.say(f"Left alone, because doppelgram did not make it: {', '.join(map(show.plain, left))}")
    if ended is False:
        show.say("Telegram could not be told: end the login there in Settings, Devices.")
    if elsewhere:
        show.say(
            f"{elsewhere.host} may still hold your chats, in ~/{elsewhere.folder}: delete that there, or destroy the"
            " machine at its provider.",
            "yellow",
        )


def _end_login(desk: "Desk") -> bool | None:
    """Whether the login was ended on Telegram's side; None when there was none."""
    from bot import account, connection

    if not account.is_logged_in(desk):
        asyncio.run(connection.end_companion(desk))
        return None
    try:
        asyncio.run(connection.end(desk))
    except UserError:
        return False
    return True
