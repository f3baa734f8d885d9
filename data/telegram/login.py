"""Logging in by code or by QR code, with the 2FA password where there is one, and logging out."""

from collections.abc import Awaitable, Callable

from telethon import TelegramClient, errors, utils
from telethon.tl import types
from telethon.tl.custom import QRLogin

from data.errors import ExitCode, UserError
from data.owner import Owner
from data.telegram.failure import readable_errors

TRIES = 3
"""How often a code or a password may be wrong before we give up: logins themselves are rate limited."""
QR_SECONDS = 25.0
"""How long a QR code is shown: Telegram's live 30 s. The time it names for its end says nothing on a clock that is
wrong: ahead of it, each code would be over at once, and the next be asked for without a pause."""
QR_CODES = 40
"""So many are shown, a quarter of an hour: a login that nobody waits for holds up every other command."""

Ask = Callable[[str, bool], Awaitable[str]]


async def owner_of(client: TelegramClient) -> Owner:
    """Who is logged in. Raises UserError (exit 4) when nobody is."""
    with readable_errors():
        me = await client.get_me()
    if me is None:
        raise UserError("You are not logged in.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN)
    return Owner(me.id, utils.get_display_name(me))


async def log_in_by_code(client: TelegramClient, phone: str, ask: Ask) -> Owner:
    """Phone number, the code that Telegram sends to the owner's other devices, and the 2FA password if there is one."""
    with readable_errors():
        await client.send_code_request(phone)
        for left in reversed(range(TRIES)):
            try:
                code = await ask("Code from Telegram", False)
                if not code:  # Telethon would take that for the wish to be sent another one
                    raise errors.PhoneCodeEmptyError(None)
                await client.sign_in(phone, code)
            except errors.SessionPasswordNeededError:
                await _give_password(client, ask)
            except (errors.PhoneCodeInvalidError, errors.PhoneCodeEmptyError) as error:
                if left:
                    continue
                raise UserError(
                    f"The code was wrong {TRIES} times.",
                    "Wait a minute, then run: doppelgram login",
                    ExitCode.NOT_LOGGED_IN,
                ) from error
            except errors.PhoneCodeExpiredError as error:
                raise UserError("The code has expired.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN) from error
            break
    return await owner_of(client)


async def log_in_by_qr(
    client: TelegramClient,
    show: Callable[[str], None],
    ask: Ask,
    *,
    life: float = QR_SECONDS,
    codes: int = QR_CODES,
) -> Owner:
    """Show a link as a QR code until the owner's phone accepts it (Settings, Devices, Link Desktop Device). Each is
    renewed after `life` seconds, until so many `codes` were shown."""
    with readable_errors():
        try:
            qr = await client.qr_login()
            for left in reversed(range(codes)):
                show(qr.url)
                try:
                    await qr.wait(life)
                    break
                except TimeoutError:
                    if not left:
                        raise _unscanned() from None
                    if not await _renewed(qr):
                        break
        except errors.SessionPasswordNeededError:
            await _give_password(client, ask)
    return await owner_of(client)


def _unscanned() -> UserError:
    return UserError(
        "Nobody scanned the QR code.",
        "Run: doppelgram login, with your phone at hand; or give --phone.",
        ExitCode.NOT_LOGGED_IN,
    )


async def _renewed(qr: QRLogin) -> bool:
    """Make a new code; False where the old one was scanned and the word of it got lost: then the login is made."""
    await qr.recreate()
    answer = qr._resp
    if isinstance(answer, types.auth.LoginTokenMigrateTo):
        raise UserError(
            "The QR code was scanned just when a new one was made.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN
        )
    return isinstance(answer, types.auth.LoginToken)


async def _give_password(client: TelegramClient, ask: Ask) -> None:
    for left in reversed(range(TRIES)):
        try:
            password = await ask("2FA password", True)
            if not password:
                raise errors.PasswordHashInvalidError(None)
            await client.sign_in(password=password)
            return
        except errors.PasswordHashInvalidError as error:
            if not left:
                raise UserError(
                    f"The 2FA password was wrong {TRIES} times.",
                    "Check it in Telegram (Settings, Privacy, Two-Step Verification), then run: doppelgram login",
                    ExitCode.NOT_LOGGED_IN,
                ) from error


async def log_out(client: TelegramClient) -> None:
    """End the login on the server too."""
    with readable_errors():
        await client.log_out()
