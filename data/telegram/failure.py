"""What Telegram or the network refuses, as the one sentence a person can do something about."""

import asyncio
from datetime import datetime, timedelta

from telethon import errors

from data.errors import ExitCode, UserError

PASSING = (ConnectionError, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, errors.ServerError)
"""What a network does, and the next try may not meet. A request that ends so may have been carried out, or not."""
TROUBLE = (*PASSING, errors.RPCError)
"""That, or a refusal of Telegram's."""


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
        case errors.AccessTokenInvalidError() | errors.AccessTokenExpiredError():
            return UserError(
                "Telegram does not accept this bot token: it is wrong, or was revoked.",
                "Get it from @BotFather (/mybots, API Token) and set DOPPELGRAM_COMPANION__TOKEN.",
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
        case errors.InvalidBufferError(code=429):
            return UserError(
                "Telegram takes no more connections of this account for now.",
                "Run it again in a few minutes; is something else connecting all the time?",
                ExitCode.FLOOD,
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


def ends_login(error: BaseException) -> bool:
    """Whether nothing more can be done with this login, in whichever chat."""
    told = explain(error)
    return told is not None and told.code in (ExitCode.CONFIGURATION, ExitCode.NOT_LOGGED_IN)


def refusal(error: BaseException) -> str:
    """Why Telegram refuses something in one chat, as the end of a sentence. ValueError is Telethon's word for a chat
    that this login has not seen yet."""
    match error:
        case errors.UserIsBlockedError():
            return "this person has blocked you"
        case errors.YouBlockedUserError():
            return "you have blocked this person"
        case errors.InputUserDeactivatedError() | errors.UserDeletedError():
            return "this account was deleted"
        case errors.UserBannedInChannelError() | errors.UserRestrictedError():
            return "you may not write there for the time being"
        case errors.ChatRestrictedError() | errors.ForbiddenError() | errors.UserPrivacyRestrictedError():
            return "Telegram does not let you write there"
        case errors.ChannelPrivateError() | errors.UserKickedError() | errors.UserNotParticipantError():
            return "you are no longer in this chat"
        case errors.ChannelInvalidError() | errors.ChatIdInvalidError():
            return "Telegram does not know this chat any more"
        case errors.PeerIdInvalidError() | errors.UserIdInvalidError() | ValueError():
            return "Telegram does not know this chat any more"
    return f"Telegram refused it ({type(error).__name__})"
