"""Telegram Desktop's `result.json` -> our values, streamed: one chat or a whole account, of any size.

The file is read once, from the front; memory holds one message at a time. The format has no version number, so a field
is taken for what it is in any version since JSON exports began: older ones date messages in local time alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from data import placeholder
from data.errors import UserError
from data.message import SERVICE_ACCOUNTS, Dialog, Kind, Message, Person

_KINDS = {
    "personal_chat": Kind.PRIVATE,
    "saved_messages": Kind.SELF,
    "bot_chat": Kind.BOT,
    "private_group": Kind.GROUP,
    "private_supergroup": Kind.GROUP,
    "public_supergroup": Kind.GROUP,
    "private_channel": Kind.CHANNEL,
    "public_channel": Kind.CHANNEL,
}
_CHANNEL_IDS = frozenset({"private_supergroup", "public_supergroup", "private_channel", "public_channel"})
_CHANNEL_BASE = -1000000000000
MIGRATED_SHIFT = -1_000_000_000
"""Telegram Desktop writes messages from before a group became a supergroup with this added to their ids."""

_MEDIA = {
    "video_message": placeholder.ROUND_VIDEO,
    "video_file": placeholder.VIDEO,
    "animation": placeholder.ANIMATION,
}
_SAID = {"send_star_gift", "send_stars_gift", "send_premium_gift", "send_gift", "stargift", "gift_code_prize"}
"""Service actions that are a present, and so part of the talk."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose export it is. A file of a single chat does not say."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a chat's list: a message, or why there is none, and who wrote it as far as it is known."""

    message: Message | None
    left_out: str | None
    sender: Person | None


Part = Account | Dialog | Line


class Export:
    """An export on disk. Every reading method raises UserError when the file is none, or ends in the middle."""

    def __init__(self, path: Path, zone: tzinfo = UTC) -> None:
        """`zone` is where old exports, which name no time zone, were made."""
        self.path = path
        self.zone = zone
        self.read = 0
        """Bytes read so far."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.path.stat().st_size

    def account(self) -> Account | None:
        """Whose export it is, if the file says so before its first chat."""
        return next((part if isinstance(part, Account) else None for part in self.parts(None)), None)

    def parts(self, owner_id: int | None) -> Iterator[Part]:
        """The account if it is named, then each chat followed by its lines. In a private chat whoever is not the
        other person is the owner; elsewhere `owner_id` decides what is `mine`."""
        try:
            with self.path.open("rb") as file:
                yield from self._parts(file, owner_id)
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be read: {error.strerror}.", "Give the path of result.json."
            ) from error
        except (ijson.JSONError, UnicodeDecodeError) as error:
            if not self.read:
                raise UserError(f"{self.path.name} is not JSON.", _HINT) from error
            raise UserError(
                f"{self.path.name} ends in the middle, or is damaged, near byte {self.read}.",
                "What came before it is kept. Export again in Telegram Desktop, then import that file.",
            ) from error
        except _ODD as error:
            raise UserError(f"{self.path.name} is damaged near byte {self.read}.", _HINT) from error

    def _parts(self, file: BinaryIO, owner_id: int | None) -> Iterator[Part]:
        root: dict[str, Any] = {}
        chat: Dialog | None = None
        header: dict[str, Any] = {}
        found = False
        for place, key, value in _entries(file):
            self.read = file.tell()
            if place == "personal_information":
                yield _account(value)
            elif place == "messages":
                if chat is None:
                    chat = _dialog(header or root)
                    found = True
                    yield chat
                try:
                    yield _line(chat, value, owner_id, self.zone)
                except _ODD:  # one message that is not what the format says costs that message alone
                    yield Line(None, "unreadable", None)
            elif place == "chat":
                chat, header = None, header | {key: value} if key != "start" else {}
            else:
                root[key] = value
        if not found and "chats" not in root and root.get("type") not in _KINDS:
            raise UserError(f"{self.path.name} is not an export of Telegram Desktop.", _HINT)


_ODD = ArithmeticError, AttributeError, LookupError, TypeError, ValueError  # a field is not as the format says
_HINT = "In Telegram Desktop: Settings, Advanced, Export Telegram data, format JSON; then give its result.json."


def _entries(file: BinaryIO) -> Iterator[tuple[str, str, Any]]:
    """`(place, key, value)`: personal information, a chat's own fields, its messages, and what stands at the top."""
    builder: Any = None
    building = ""
    depth = 0
    for prefix, event, value in ijson.parse(file, use_float=True):
        if builder is not None:
            builder.event(event, value)
            depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
            if depth == 0:
                yield building, "", builder.value
                builder = None
        elif event == "start_map" and prefix in _BUILT:
            builder, building, depth = ijson.ObjectBuilder(), _BUILT[prefix], 1
            builder.event(event, value)
        elif event == "start_map" and prefix in _CHATS:
            yield "chat", "start", None
        elif prefix.rpartition(".")[0] in _CHATS and event in ("string", "number", "null"):
            yield "chat", prefix.rpartition(".")[2], value
        elif "." not in prefix and prefix:
            yield "", prefix, value


_BUILT = {
    "personal_information": "personal_information",
    "messages.item": "messages",
    "chats.list.item.messages.item": "messages",
    "left_chats.list.item.messages.item": "messages",
}
_CHATS = frozenset({"chats.list.item", "left_chats.list.item"})


def _account(row: dict[str, Any]) -> Account:
    name = " ".join(part for part in (row.get("first_name"), row.get("last_name")) if part)
    return Account(_number(row["user_id"]), name)


def _dialog(row: dict[str, Any]) -> Dialog:
    sort, number = str(row.get("type")), _number(row.get("id") or 0)
    kind = _KINDS.get(sort, Kind.SERVICE)
    if number in SERVICE_ACCOUNTS:
        kind = Kind.SERVICE
    elif kind is Kind.PRIVATE and not row.get("name"):
        kind = Kind.DELETED
    marked = _CHANNEL_BASE - number if sort in _CHANNEL_IDS else -number if kind is Kind.GROUP else number
    title = row.get("name") or ("Saved Messages" if kind is Kind.SELF else "(deleted account)")
    return Dialog(marked, kind, str(title))


def _line(chat: Dialog, row: dict[str, Any], owner_id: int | None, zone: tzinfo) -> Line:
    sender_id = _marked(row.get("from_id") or row.get("actor_id"))
    name = row.get("from") or row.get("actor")
    if row.get("self_destruct_period_seconds") or row.get("self_destruct"):
        return Line(None, "self-destructing", None)
    if "id" not in row or not (row.get("date_unixtime") or row.get("date")):
        return Line(None, "without id or date", None)
    service = row.get("type") == "service"  # of some it is not said who did it
    if sender_id is None and chat.kind is Kind.PRIVATE and not service:
        return Line(None, "without sender", None)
    in_group, replied = chat.kind is Kind.GROUP, row.get("reply_to_message_id")
    message = Message(
        dialog_id=chat.id,
        id=_number(row["id"]),
        mine=_mine(chat, sender_id, owner_id),
        sent_at=_moment(row, "date", zone),
        text="" if service else _text(row.get("text")),
        reply_to=_number(replied) if replied and "reply_to_peer_id" not in row else None,  # a peer: of another chat
        edited_at=_moment(row, "edited", zone) if row.get("edited") else None,
        media=_happened(row) if service else _media(row),
        forwarded=bool(row.get("forwarded_from") or row.get("forwarded_from_id") or "forwarded_from" in row),
        sender_id=sender_id if in_group else None,
        via_bot=bool(row.get("via_bot")),
        reactions=_reactions(row.get("reactions")),
        service=service and row.get("action") not in _SAID | {"phone_call"},
    )
    return Line(message, None, Person(sender_id, Kind.PRIVATE, str(name or "")) if sender_id else None)


def _mine(chat: Dialog, sender_id: int | None, owner_id: int | None) -> bool:
    if chat.kind is Kind.SELF:
        return True
    if chat.kind is Kind.GROUP:
        return sender_id is not None and sender_id == owner_id
    return sender_id is not None and sender_id != chat.id


def _marked(writer: str | int | None) -> int | None:
    """`user5`, `chat5` or `channel5` as a marked peer id; exports of before 2021 have a bare number."""
    if isinstance(writer, int):
        return writer
    for word, mark in (("user", 1), ("channel", 0), ("chat", -1)):
        if writer and writer.startswith(word) and writer[len(word) :].isdigit():
            number = _number(writer[len(word) :])
            return mark * number if mark else _CHANNEL_BASE - number
    return None


def _number(value: Any) -> int:
    """An id, as an archive can hold it."""
    if (number := int(value)).bit_length() > 52:  # Telegram's own limit, less what marks a channel
        raise ValueError(value)
    return number


def _moment(row: dict[str, Any], field: str, zone: tzinfo) -> datetime:
    stamp = row.get(f"{field}_unixtime")
    if stamp is not None:
        return datetime.fromtimestamp(int(stamp), UTC)
    return datetime.fromisoformat(row[field]).replace(tzinfo=zone).astimezone(UTC)


def _text(text: Any) -> str:
    """A text is a string, or a list of strings and of marked-up pieces. Half of a surrogate pair is no character."""
    if isinstance(text, list):
        text = "".join(piece if isinstance(piece, str) else str(piece.get("text", "")) for piece in text)
    return str(text or "").encode("utf-8", "replace").decode()


def _reactions(rows: list[dict[str, Any]] | None) -> str | None:
    """`❤2 👍1`; a custom emoji is a picture, which has no character."""
    return " ".join(f"{row.get('emoji') or '▫'}{row.get('count', 1)}" for row in rows or []) or None


def _media(row: dict[str, Any]) -> str | None:
    match row:
        case {"media_type": "sticker"}:
            return placeholder.sticker(row.get("sticker_emoji"))
        case {"media_type": "voice_message"}:
            return placeholder.voice(row.get("duration_seconds") or 0)
        case {"media_type": "audio_file"}:
            return placeholder.music(row.get("performer"), row.get("title"))
        case {"media_type": str(sort)} if sort in _MEDIA:
            return _MEDIA[sort]
        case {"photo": _}:
            return placeholder.PHOTO
        case {"poll": {**poll}}:
            return placeholder.poll(str(poll.get("question") or ""))
        case {"todo_list": {**tasks}}:
            return placeholder.checklist(str(tasks.get("title") or ""))
        case {"contact_information": _}:
            return placeholder.CONTACT
        case {"location_information": _}:
            return placeholder.place(row.get("place_name"))
        case {"game_title": title}:
            return placeholder.game(title)
        case {"dice": {**thrown}}:
            return placeholder.dice(str(thrown.get("value") or ""))
        case {"invoice_information": _}:
            return placeholder.INVOICE
        case {"giveaway_information": _} | {"giveaway_results": _}:
            return placeholder.GIVEAWAY
        case {"paid_stars_amount": _}:
            return placeholder.PAID
        case {"story_id": _} | {"story_information": _}:
            return placeholder.STORY
        case {"file": _}:
            return placeholder.file(row.get("file_name"))
        case {"media_type": _} | {"unsupported": _}:
            return placeholder.OTHER
    return None


def _happened(row: dict[str, Any]) -> str:
    action = str(row.get("action") or "something")
    if action == "phone_call":
        return placeholder.call(row.get("duration_seconds"), row.get("discard_reason"))
    if action in _SAID:
        return placeholder.GIFT
    return placeholder.happened(action, row.get("title") or row.get("new_title"))
