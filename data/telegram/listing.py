"""The owner's list of chats, page by page, and the folders it is sorted into."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telethon import utils
from telethon.tl import functions, types

from data.message import Dialog
from data.telegram.failure import readable_errors
from data.telegram.values import to_dialog

Ask = Callable[[Any], Awaitable[Any]]
"""Sends a raw request and returns the answer: a client, or what paces one."""
PAGE = 100
ARCHIVE = 1
"""Telegram's number of the archive folder."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list."""

    dialog: Dialog
    newest: int
    """The id of its last message."""
    pts: int | None
    """How many changes there were so far, in a supergroup or channel; these count for themselves."""
    line: Any
    entity: Any


async def dialogs_of(client: Ask) -> list[Dialog]:
    """Every chat in the owner's list, archived ones too."""
    with readable_errors():
        return [each.dialog for each in await listing(client)]


async def listing(ask: Ask) -> list[Listed]:
    """The whole list, the most recent first."""
    found: dict[int, Listed] = {}
    offset: dict[str, Any] = {"offset_date": None, "offset_id": 0, "offset_peer": types.InputPeerEmpty()}
    while True:
        answer = await ask(functions.messages.GetDialogsRequest(**offset, limit=PAGE, hash=0))
        before = len(found)
        for each in _lines(answer):
            found.setdefault(each.dialog.id, each)
        last = next((each for each in reversed(_lines(answer)) if each.dialog.last_at), None)
        whole = not isinstance(answer, types.messages.DialogsSlice) or len(found) >= answer.count
        if whole or last is None or len(found) == before:
            return list(found.values())
        offset = {
            "offset_date": last.dialog.last_at,
            "offset_id": last.newest,
            "offset_peer": utils.get_input_peer(last.entity),
        }


def _lines(answer: Any) -> list[Listed]:
    entities = {utils.get_peer_id(each): each for each in (*answer.users, *answer.chats)}
    dates = {(utils.get_peer_id(m.peer_id), m.id): m.date for m in answer.messages if getattr(m, "date", None)}
    lines = []
    for line in answer.dialogs:
        peer = utils.get_peer_id(line.peer)
        entity = entities.get(peer)
        if isinstance(line, types.Dialog) and entity is not None:
            last_at = dates.get((peer, line.top_message))
            dialog = to_dialog(entity, last_at, archived=line.folder_id == ARCHIVE)
            lines.append(Listed(dialog, line.top_message, line.pts, line, entity))
    return lines


async def folders(ask: Ask) -> dict[str, Any]:
    """The owner's folders by name, as Telegram describes them."""
    answer = await ask(functions.messages.GetDialogFiltersRequest())
    rows: Any = getattr(answer, "filters", answer)
    named = (types.DialogFilter, types.DialogFilterChatlist)
    return {getattr(row.title, "text", row.title): row for row in rows if isinstance(row, named)}


def within(folder: Any, listed: Collection[Listed], now: datetime) -> list[Dialog]:
    """The chats that Telegram shows in a folder. core.telegram.org/api/folders"""
    named = _ids([*folder.pinned_peers, *folder.include_peers], listed)
    if isinstance(folder, types.DialogFilterChatlist):
        return [each.dialog for each in listed if each.dialog.id in named]
    excluded = _ids(folder.exclude_peers, listed)
    return [
        each.dialog
        for each in listed
        if each.dialog.id in named
        or (each.dialog.id not in excluded and _of_kind(folder, each.entity) and not _passed_over(folder, each, now))
    ]


def _ids(peers: Collection[Any], listed: Collection[Listed]) -> set[int]:
    me = next((e.dialog.id for e in listed if isinstance(e.entity, types.User) and e.entity.is_self), 0)
    return {me if isinstance(peer, types.InputPeerSelf) else utils.get_peer_id(peer) for peer in peers}


def _of_kind(folder: Any, entity: Any) -> bool:
    if not isinstance(entity, types.User):
        return bool(folder.broadcasts if getattr(entity, "broadcast", False) else folder.groups)
    if entity.bot:
        return bool(folder.bots)
    return bool(folder.contacts if entity.contact or entity.is_self else folder.non_contacts)


def _passed_over(folder: Any, each: Listed, now: datetime) -> bool:
    muted_until = each.line.notify_settings.mute_until
    muted = muted_until is not None and muted_until.astimezone(UTC) > now
    read = not (each.line.unread_count or each.line.unread_mark)
    return bool(
        (folder.exclude_muted and muted)
        or (folder.exclude_read and read)
        or (folder.exclude_archived and each.dialog.archived)
    )
