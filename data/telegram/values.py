"""Telethon's objects -> our values. No module beyond this package knows how Telegram writes a dialog or a message."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telethon import utils
from telethon.tl import types

from data.message import SERVICE_ACCOUNTS, Dialog, Kind, Message, Person
from data.telegram.media import action_of, is_talk, media_of

_NEVER = {Kind.BOT: "bots", Kind.SERVICE: "service accounts", Kind.CHANNEL: "channels"}
"""Senders in groups whose messages are never kept: they are no persons."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A message that may not be kept: that it was written counts, and its text is for this moment only."""

    id: int
    mine: bool
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Messages of any dialogs as they came from Telegram."""

    messages: tuple[Message, ...]
    people: tuple[Person, ...]
    """Who wrote them, as far as they wrote in groups."""
    left_out: Counter[str]
    """How many are never kept, by reason."""
    withheld: tuple[Withheld, ...] = ()


def to_dialog(entity: Any, last_at: datetime | None = None, *, archived: bool = False) -> Dialog:
    """What is on the other side, from Telethon's User, Chat or Channel."""
    migrated = getattr(entity, "migrated_to", None)
    kind = _kind(entity)
    title = "Saved Messages" if kind is Kind.SELF else utils.get_display_name(entity) or "(deleted account)"
    return Dialog(
        id=utils.get_peer_id(entity),
        kind=kind,
        title=title,
        username=_username(entity),
        phone=getattr(entity, "phone", None),
        last_at=last_at,
        migrated_to=utils.get_peer_id(migrated) if migrated else None,
        protected=bool(getattr(entity, "noforwards", None)),
        archived=archived,
        contact=bool(getattr(entity, "contact", None)),
    )


def itself(dialog_id: int, entities: Iterable[Any]) -> Dialog | None:
    """A chat as it came along with its messages; None where it did not, or not whole."""
    whole = (
        e for e in entities if isinstance(e, types.User | types.Chat | types.Channel) and not getattr(e, "min", None)
    )
    found = next((each for each in whole if utils.get_peer_id(each) == dialog_id), None)
    return to_dialog(found) if found else None


def to_person(entity: Any) -> Person:
    """Somebody who writes in a group: a User, or a Chat or Channel in whose name somebody writes."""
    name = utils.get_display_name(entity) or "(deleted account)"
    return Person(utils.get_peer_id(entity), _kind(entity), name, _username(entity))


def _username(entity: Any) -> str | None:
    several = getattr(entity, "usernames", None) or []
    return getattr(entity, "username", None) or next((each.username for each in several if each.active), None)


def _kind(entity: Any) -> Kind:
    if not isinstance(entity, types.User):
        return Kind.CHANNEL if getattr(entity, "broadcast", False) else Kind.GROUP
    if entity.id in SERVICE_ACCOUNTS or entity.support:
        return Kind.SERVICE
    flags = {Kind.SELF: entity.is_self, Kind.BOT: entity.bot, Kind.DELETED: entity.deleted}
    flags[Kind.SCAM] = entity.scam or entity.fake
    return next((kind for kind, raised in flags.items() if raised), Kind.PRIVATE)


def hear(messages: Iterable[Any], entities: Iterable[Any]) -> Heard:
    """The values of raw messages; `entities` are the users and chats that came with them."""
    them = {utils.get_peer_id(each): each for each in entities if not isinstance(each, types.UserEmpty)}
    kept: list[Message] = []
    people: dict[int, Person] = {}
    left_out: Counter[str] = Counter()
    withheld: list[Withheld] = []
    for message in messages:
        sender = them.get(_sender_of(message) or 0)
        if sender is not None:
            people[utils.get_peer_id(sender)] = to_person(sender)
        if (reason := left_out_because(message, people)) is not None:
            left_out[reason] += 1
            if is_withheld(message):
                withheld.append(Withheld(message.id, bool(message.out), message.message or ""))
        elif value := to_message(utils.get_peer_id(message.peer_id), message):
            kept.append(value)
    return Heard(tuple(kept), tuple(people.values()), left_out, tuple(withheld))


def left_out_because(message: Any, people: Mapping[int, Person] = {}) -> str | None:
    """Why a message is never kept, in words for a count; None when it may be. `people` are the known senders."""
    if not isinstance(message, types.Message | types.MessageService):
        return "empty"
    if getattr(message, "noforwards", None):
        return "protected"
    if message.ttl_period or getattr(getattr(message, "media", None), "ttl_seconds", None):
        return "self-destructing"
    sender = people.get(_sender_of(message) or 0)
    return _NEVER.get(sender.kind) if sender else None


def is_withheld(message: Any) -> bool:
    """Whether somebody wrote something that may not be kept: protected, to be seen once, or vanishing by itself."""
    return isinstance(message, types.Message) and left_out_because(message) is not None


def to_message(dialog_id: int, message: Any) -> Message | None:
    """Our value of Telethon's message; None for what is never kept (`left_out_because`)."""
    if left_out_because(message) is not None:
        return None
    service = isinstance(message, types.MessageService)
    return Message(
        dialog_id=dialog_id,
        id=message.id,
        mine=bool(message.out or message.saved_peer_id),  # one's own notes are not marked as outgoing
        sent_at=message.date.astimezone(UTC),
        text="" if service else message.message or "",
        edited_at=None if service else _edited_at(message),
        media=action_of(message.action) if service else media_of(message.media),
        forwarded=not service and message.fwd_from is not None,
        sender_id=_sender_of(message),
        via_bot=not service and message.via_bot_id is not None,
        reactions=_reactions(message.reactions),
        service=service and not is_talk(message.action),
        mentioned=not service and bool(message.mentioned),
        **_reply(message),
    )


def _sender_of(message: Any) -> int | None:
    """Who wrote it, where the chat does not say that already."""
    peer, sender = getattr(message, "peer_id", None), getattr(message, "from_id", None)
    if peer is None or sender is None or isinstance(peer, types.PeerUser):
        return None
    return int(utils.get_peer_id(sender))


def _edited_at(message: types.Message) -> datetime | None:
    """A reaction is an edit too, but a hidden one."""
    return message.edit_date.astimezone(UTC) if message.edit_date and not message.edit_hide else None


def _reply(message: Any) -> dict[str, Any]:
    """`reply_to`, `topic_id` and `quote`. What answers a story or a message of another chat answers nothing here, and
    a quote from another chat is that chat's."""
    header = message.reply_to
    if isinstance(getattr(message, "action", None), types.MessageActionTopicCreate):
        return {"topic_id": message.id}
    if not isinstance(header, types.MessageReplyHeader):
        return {}
    topic = (header.reply_to_top_id or header.reply_to_msg_id) if header.forum_topic else None
    if header.reply_to_peer_id is not None:
        return {"topic_id": topic}
    # the first message of a topic stands in for no reply at all
    reply = None if topic and not header.reply_to_top_id else header.reply_to_msg_id
    # in a group a quote may be of somebody who did not agree; what was replied to is looked up, as far as it is kept
    picked = header.quote and isinstance(message.peer_id, types.PeerUser)
    return {"reply_to": reply, "topic_id": topic, "quote": header.quote_text if picked else None}


def _reactions(given: Any) -> str | None:
    """`❤2 👍1`; a custom emoji is a picture, which has no character."""
    counts = given.results if given is not None else []
    return " ".join(f"{getattr(each.reaction, 'emoticon', '▫')}{each.count}" for each in counts) or None
