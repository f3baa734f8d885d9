"""login, logout: the owner's account."""

import asyncio
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from bot import ask, show
from bot.commands.options import Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from data.owner import Owner

HOW_TO_SCAN = "On your phone: Telegram, Settings, Devices, Link Desktop Device. Scan this (it is renewed by itself):"

_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{3,24}")


def login(
    qr: Annotated[bool, typer.Option("--qr", help="Show a QR code; the default at a terminal.")] = False,
    phone: Annotated[str | None, typer.Option(help="Log in by phone number and code instead, +15551234567.")] = None,
    as_json: Json = False,
) -> None:
    """Log in with your own account: by QR code, or by phone number, code and 2FA password.

    Without a terminal, give --phone; the code and then the password are read from lines of standard input.
    """
    from bot.desk import Desk

    if qr and phone:
        raise UserError("--qr and --phone are two ways to log in.", "Give one of them.", ExitCode.USAGE)
    if phone and not _PHONE.fullmatch(phone.strip()):
        raise UserError(f"{phone} is no phone number.", "Write it as +15551234567.", ExitCode.USAGE)
    if not qr and not phone and not ask.at_terminal():
        raise UserError("Without a terminal the phone number is needed.", "Give it with --phone.", ExitCode.USAGE)
    with Desk.open() as desk:
        from bot import account, connection

        connection.login_of(desk.settings, desk.home.session)  # what is missing is said before anything is locked
        account.demand_clock(desk.now)
        with desk.home.holding_login("login"):
            owner, fresh = asyncio.run(_login(desk, phone))
            chats = sum(dialog.with_a_person for dialog in desk.archive.dialogs())
    if as_json:
        show.data({"user_id": owner.user_id, "name": owner.name})
    else:
        show.say(f"{'Logged in as' if fresh else 'You are already logged in as'} {show.plain(owner.name)}.", "green")
        show.say(f"{chats} chats with people. Next: doppelgram chats")


async def _login(desk: "Desk", phone: str | None) -> "tuple[Owner, bool]":
    """The owner, and whether this is a new login. It happens in a file of its own that is moved into place when it is
    whole, so that an interrupted login leaves nothing that looks like one."""
    from bot import account, connection
    from bot.listening import LOGGED_IN_AT
    from data import telegram

    if account.is_logged_in(desk):
        try:
            async with connection.logged_in(desk) as (client, owner):
                await connection.refresh(desk, client)
                return owner, False
        except UserError as error:
            if error.code is not ExitCode.NOT_LOGGED_IN:
                raise
            show.say("The old login has ended; logging in anew.")
            desk.home.session.unlink(missing_ok=True)
    attempt = desk.home.session.with_name("login.session")
    attempt.unlink(missing_ok=True)
    try:
        login = connection.login_of(desk.settings, attempt)
        # Only with updates does Telegram say that the QR code was scanned.
        async with telegram.connect(login, updates=phone is None, patient=False) as client:
            if phone:
                owner = await telegram.log_in_by_code(client, phone, Asking())
            else:
                show.say(HOW_TO_SCAN)
                owner = await telegram.log_in_by_qr(client, _show_qr, Asking())
            try:
                account.claim(desk.archive, owner)
            except UserError:
                await telegram.log_out(client)
                raise
            desk.archive.set_fact(LOGGED_IN_AT, str(desk.now.timestamp()))
            await connection.refresh(desk, client)
        attempt.rename(desk.home.session)
    finally:
        attempt.unlink(missing_ok=True)
    return owner, True


@dataclass(slots=True)
class Asking:
    """The questions of one login. Only what was answered wrong is asked again, and that is said first."""

    asked: Counter[str] = field(default_factory=Counter)

    async def __call__(self, question: str, hidden: bool) -> str:
        """The answer. Raises UserError where there is none."""
        from data.telegram.login import TRIES

        what, wrong = "password" if hidden else "code", self.asked[question]
        self.asked[question] += 1
        if wrong:
            left = TRIES - wrong
            show.say(f"That {what} is wrong; {left} {'try' if left == 1 else 'tries'} left.")
        try:
            return await ask.line_async(question, "as a line of standard input", hidden=hidden)
        except UserError as error:
            if not wrong:
                raise
            raise UserError(
                f"The {what} was wrong, and standard input has no other.",
                "Log in again, with the right one.",
                ExitCode.NOT_LOGGED_IN,
            ) from error


def _show_qr(url: str) -> None:
    """Blocks that a phone can read; without a terminal the link itself."""
    if not ask.at_terminal():
        show.say(url)
        return
    import segno

    segno.make(url, micro=False).terminal(out=sys.stderr, compact=True)


def logout(as_json: Json = False) -> None:
    """End the login, on Telegram's side too. What was pulled stays here."""
    from bot import account, online
    from bot.desk import Desk

    with Desk.open() as desk:
        if not account.is_logged_in(desk):
            raise UserError("You are not logged in.", "Nothing to do.", ExitCode.NOT_LOGGED_IN)
        online.done(desk, online.LOGOUT)
    if as_json:
        show.data({"logged_in": False})
    else:
        show.say("Logged out, here and on Telegram's side. Messages and adapters are still here.", "green")
