"""The edge to Telegram: connect, log in, and turn Telethon's objects into our values. No other module knows its types.

The server is a value (`Server`): Telegram itself, its test data centres, or any MTProto server that speaks the same
schema. Nothing beyond this file can tell which one it is.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from telethon import TelegramClient, errors, utils
from telethon.crypto import rsa
from telethon.sessions import SQLiteSession
from telethon.tl import types

from data.errors import ExitCode, UserError
from data.message import SERVICE_ACCOUNTS, Dialog, Kind, Message

TRIES = 3
"""How often a code or a password may be wrong before we give up: logins themselves are rate limited."""

Ask = Callable[[str, bool], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """Another MTProto server than Telegram's own: `host:port`, its data centre number and its RSA key (PKCS#1 PEM)."""

    host: str
    port: int
    dc: int
    key: str | None = None


TEST_SERVERS = {1: "149.154.175.10", 2: "149.154.167.40", 3: "149.154.175.117"}
"""Telegram's test data centres, from core.telegram.org/api/auth#test-accounts and my.telegram.org."""


@dataclass(frozen=True, slots=True)
class Login:
    """Which account: the application's own api id and hash, where the session file lies, and the server."""

    api_id: int
    api_hash: str
    session: Path
    server: Server | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is logged in."""

    user_id: int
    name: str


class Client(TelegramClient):
    """Telethon's client, which also counts how often it had to connect anew: updates may be missing since then, and
    Telethon itself does not ask for them."""

    reconnections = 0

    async def _handle_auto_reconnect(self) -> None:
        await super()._handle_auto_reconnect()
        self.reconnections += 1


@asynccontextmanager
async def connect(login: Login, *, updates: bool = False, patient: bool | None = None) -> AsyncIterator[Client]:
    """A connected client; disconnected at the end. Logged in or not: ask `owner_of`. Raises UserError.

    `updates` makes it a live client, which also catches up on what happened while it was away. `patient` is whether it
    tries for ever to connect, as a live client does if nothing else is said.
    """
    login.session.touch(mode=0o600, exist_ok=True)  # SQLite would create it readable by everybody
    logging.getLogger("telethon").setLevel(logging.CRITICAL)  # its lower levels may quote what was received
    session = SQLiteSession(str(login.session))
    if login.server:
        session.set_dc(login.server.dc, login.server.host, login.server.port)
        if login.server.key:
            rsa.add_key(login.server.key, old=False)
    client = Client(
        session,
        login.api_id,
        login.api_hash,
        receive_updates=updates,
        catch_up=updates,
        sequential_updates=True,
        flood_sleep_threshold=0,
        raise_last_call_error=True,
        connection_retries=None if (updates if patient is None else patient) else 2,
        request_retries=0 if updates else 2,  # the outbox looks for itself what became of a request
        retry_delay=1,
        timeout=10,
        device_model="doppelgram",
    )
    try:
        with readable_errors():
            await client.connect()
        yield client
    finally:
        disconnecting = client.disconnect()
        if disconnecting:
            await disconnecting
        session.close()


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
        case ConnectionError() | asyncio.TimeoutError() | asyncio.IncompleteReadError():
            return UserError(
                "Telegram cannot be reached.", "Check the network, then run it again: nothing is lost.", ExitCode.ERROR
            )
        case errors.RPCError():
            return UserError(f"Telegram refused: {type(error).__name__}.", "Run it again later.", ExitCode.ERROR)
    return None


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


async def log_in_by_qr(client: TelegramClient, show: Callable[[str], None], ask: Ask) -> Owner:
    """Show a link as a QR code until the owner's phone accepts it (Settings, Devices, Link Desktop Device)."""
    with readable_errors():
        try:
            qr = await client.qr_login()
            while True:
                show(qr.url)
                try:
                    await qr.wait()
                    break
                except TimeoutError:
                    await qr.recreate()
        except errors.SessionPasswordNeededError:
            await _give_password(client, ask)
    return await owner_of(client)


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


async def dialogs_of(client: TelegramClient) -> list[Dialog]:
    """Every chat in the owner's list."""
    with readable_errors():
        return [to_dialog(dialog.entity, dialog.date) async for dialog in client.iter_dialogs()]


def to_dialog(entity: Any, last_at: datetime | None = None) -> Dialog:
    """What is on the other side, from Telethon's User, Chat or Channel."""
    username = getattr(entity, "username", None) or next(
        (each.username for each in getattr(entity, "usernames", None) or [] if each.active), None
    )
    return Dialog(
        id=utils.get_peer_id(entity),
        kind=_kind(entity),
        title=utils.get_display_name(entity) or "(deleted account)",
        username=username,
        phone=getattr(entity, "phone", None),
        last_at=last_at,
    )


def _kind(entity: Any) -> Kind:
    if not isinstance(entity, types.User):
        return Kind.CHANNEL if getattr(entity, "broadcast", False) else Kind.GROUP
    if entity.id in SERVICE_ACCOUNTS or entity.support:
        return Kind.SERVICE
    flags = {Kind.SELF: entity.is_self, Kind.BOT: entity.bot, Kind.DELETED: entity.deleted}
    flags[Kind.SCAM] = entity.scam or entity.fake
    return next((kind for kind, raised in flags.items() if raised), Kind.PRIVATE)


def to_message(dialog_id: int, message: Any) -> Message | None:
    """Our value of Telethon's message; None for what is never kept: service messages, self-destructing media and
    chats with protected content."""
    if not isinstance(message, types.Message) or message.noforwards or getattr(message.media, "ttl_seconds", None):
        return None
    reply = getattr(message.reply_to, "reply_to_msg_id", None)
    return Message(
        dialog_id=dialog_id,
        id=message.id,
        mine=bool(message.out),
        sent_at=message.date.astimezone(UTC),
        text=message.message or "",
        reply_to=reply,
        edited_at=message.edit_date.astimezone(UTC) if message.edit_date and not message.edit_hide else None,
        media=_media(message.media),
        forwarded=message.fwd_from is not None,
    )


def _media(media: Any) -> str | None:
    """The placeholder of an attachment; a link preview is none, its link stands in the text."""
    match media:
        case None | types.MessageMediaEmpty() | types.MessageMediaWebPage():
            return None
        case types.MessageMediaPhoto():
            return "[photo]"
        case types.MessageMediaDocument(document=types.Document() as document):
            return _document(document)
        case types.MessageMediaGeo() | types.MessageMediaGeoLive() | types.MessageMediaVenue():
            return "[place]"
        case types.MessageMediaContact():
            return "[contact]"
        case types.MessageMediaPoll():
            return "[poll]"
        case types.MessageMediaDice():
            return f"[dice {media.value}]"
    return "[attachment]"


def _document(document: types.Document) -> str:
    for attribute in document.attributes:
        match attribute:
            case types.DocumentAttributeSticker():
                return f"[sticker {attribute.alt}]".replace(" ]", "]")
            case types.DocumentAttributeAudio(voice=True):
                return f"[voice {int(attribute.duration) // 60}:{int(attribute.duration) % 60:02}]"
            case types.DocumentAttributeVideo(round_message=True):
                return "[round video]"
            case types.DocumentAttributeAnimated():
                return "[animation]"
    video = any(isinstance(each, types.DocumentAttributeVideo) for each in document.attributes)
    return "[video]" if video else "[file]"
