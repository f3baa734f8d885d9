"""What Telegram or the network refuses, as the one sentence a person can do something about."""

import asyncio
from datetime import datetime, timedelta

from telethon import errors

from data.errors import ExitCode, UserError


class readable_errors:
    """Turns what Telethon raises, and a person can do something about, into a UserError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (told := explain(error)):
            raise told from error


def explain(error: BaseException) -> UserError | None:
    """The sentence for an error of Telegram or of the network; None for what is a bug."""
    match error:
        case errors.FloodWaitError():
            until = datetime.now().astimezone() + timedelta(seconds=error.seconds)
            return UserError(
                f"Telegram asks us to wait {error.seconds} s.",
                f"Run it again after {until:%a %H:%M:%S}.",
                ExitCode.FLOOD,
            )
        case errors.ApiIdInvalidError() | errors.ApiIdPublishedFloodError():
            return UserError(
                "Telegram does not accept this api id and hash.",
                "Copy both from https://my.telegram.org into .env as DOPPELGRAM_API_ID and DOPPELGRAM_API_HASH.",
                ExitCode.CONFIGURATION,
            )
        case errors.AuthKeyUnregisteredError() | errors.SessionRevokedError() | errors.UserDeactivatedError():
            return UserError(
                "This login has ended on Telegram's side.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN
            )
        case errors.AuthKeyNotFound() | errors.AuthKeyDuplicatedError() | errors.SessionExpiredError():
            return UserError("This login is no longer known there.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN)
        case errors.PhoneNumberInvalidError() | errors.PhoneNumberUnoccupiedError() | errors.PhoneNumberBannedError():
            return UserError(
                "Telegram does not know this phone number.",
                "Give it in international form: --phone +15551234567",
                ExitCode.NOT_LOGGED_IN,
            )
        case ConnectionError() if "auth_key" in str(error):  # Telethon's word for a server that could not prove itself
            return UserError(
                "Telegram cannot be reached: there is a server, but no secure connection could be agreed on.",
                "Probably DOPPELGRAM_TELEGRAM__SERVER_KEY is not that server's key; if it is not set, try again later.",
            )
        case ConnectionError() | asyncio.TimeoutError() | asyncio.IncompleteReadError():
            return UserError(
                "Telegram cannot be reached.", "Check the network, then run it again: nothing is lost.", ExitCode.ERROR
            )
        case errors.RPCError():
            return UserError(f"Telegram refused: {type(error).__name__}.", "Run it again later.", ExitCode.ERROR)
    return None
