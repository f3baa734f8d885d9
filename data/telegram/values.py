"""Telethon's objects -> our values. No module beyond this one knows how Telegram writes a dialog or a message."""

from datetime import UTC, datetime
from typing import Any

from telethon import TelegramClient, utils
from telethon.tl import types

from data.message import SERVICE_ACCOUNTS, Dialog, Kind, Message
from data.telegram.failure import readable_errors


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
