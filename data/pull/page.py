"""One page of a chat's history, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telethon import utils
from telethon.tl import functions

from data.message import Dialog, Message
from data.pull.question import Asker
from data.telegram import Heard, hear, itself

PAGE = 100
"""Telegram's own limit for one request."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one request brought."""

    ids: tuple[int, ...]
    """Every id on the page, newest first, whether kept or not."""
    dialog: Dialog | None
    """The chat itself as it is now, where that came along."""
    heard: Heard
    messages: Sequence[Message]
    """Those that are kept."""
    oldest: datetime
    wanted_down_to: int
    """The oldest id that `since` lets in."""
    pts: int | None
    """How many changes a supergroup had when the page was made."""


async def read(ask: Asker, dialog_id: int, peer: Any, offset_id: int, since: datetime | None) -> Page:
    """The page of a chat below `offset_id` (0: from the top). Raises UserError."""
    request = functions.messages.GetHistoryRequest(
        peer=peer, offset_id=offset_id, offset_date=None, add_offset=0, limit=PAGE, max_id=0, min_id=0, hash=0
    )
    answer = await ask(request)
    entities = [*answer.users, *answer.chats]
    heard = hear(answer.messages, entities)
    dates = {each.id: each.date for each in answer.messages if getattr(each, "date", None)}
    wanted = [each for each, date in dates.items() if not since or date >= since]
    ids = tuple(each.id for each in answer.messages)
    return Page(
        ids=ids,
        dialog=itself(dialog_id, entities),
        heard=heard,
        messages=[message for message in heard.messages if not since or message.sent_at >= since],
        oldest=min(dates.values(), default=datetime.min.replace(tzinfo=UTC)),
        wanted_down_to=min(wanted, default=max(ids, default=0) + 1),
        pts=getattr(answer, "pts", None),
    )


def marked(peer: Any) -> int:
    """Telethon's peer as a dialog's id."""
    return int(utils.get_peer_id(peer))
