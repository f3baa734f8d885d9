"""What was said in a chat: pages of history, and single messages. core.telegram.org/api/offsets."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from telethon.tl import functions, types

from sandbox.box import Box
from sandbox.call import Call, moment

PAGE = 100


def get_history(call: Call, request: functions.messages.GetHistoryRequest) -> Any:
    """A page of a chat, newest first."""
    peer = call.peer(request.peer)
    box = call.town.box_of(call.me, peer)
    ids: Sequence[int] = box.by_peer.get(peer, [])
    if call.envelope.range is not None and not call.town.is_channel(peer):
        ids = [i for i in ids if call.envelope.range.min_id <= i <= call.envelope.range.max_id]
    return found(call, peer, box, page(box, ids, request, moment(request.offset_date)), len(ids))


def get_messages(call: Call, request: functions.messages.GetMessagesRequest) -> types.messages.Messages:
    """Messages by id; a message that is not there comes back empty, as on Telegram."""
    return types.messages.Messages(topics=[], **pick(call, call.town.boxes[call.me], request.id))


def page(box: Box, ids: Sequence[int], request: Any, before: datetime | None) -> list[int]:
    """The part of an ascending list of ids that the offsets, limits and bounds of a request describe; newest first."""
    end = len(ids)
    if request.offset_id:
        end = bisect_left(ids, request.offset_id)
    elif before:
        end = bisect_left(ids, before, key=lambda i: box.posts[i].at)
    # add_offset counts towards the past; a negative one reaches past the offset, and is cut at the newest message
    last = end - request.add_offset
    first = max(0, last - min(request.limit, PAGE))
    chosen = ids[first : max(0, min(last, len(ids)))]
    low, high = request.min_id, request.max_id
    return [i for i in reversed(chosen) if i > low and (not high or i < high)]


def found(call: Call, peer: int, box: Box, ids: Sequence[int], count: int) -> Any:
    """Some messages of a chat as an answer."""
    posts = [box.posts[i] for i in ids]
    view = call.view
    answer = {
        "messages": [view.message(post, i) for post, i in zip(posts, ids, strict=True)],
        "topics": [],
        **view.cast([peer], posts),
    }
    if call.town.is_channel(peer):
        return types.messages.ChannelMessages(pts=box.pts, count=count, **answer)
    if len(ids) == count:
        return types.messages.Messages(**answer)
    return types.messages.MessagesSlice(count=count, **answer)


def pick(call: Call, box: Box, wanted: list[Any]) -> dict[str, Any]:
    """Single messages of a box."""
    ids = [_wanted(box, given) for given in wanted]
    posts = [box.posts[i] for i in ids if i in box.posts]
    view = call.view
    return {
        "messages": [view.message(box.posts[i], i) if i in box.posts else types.MessageEmpty(i, None) for i in ids],
        **view.cast([], posts),
    }


def _wanted(box: Box, given: Any) -> int:
    """The id that an InputMessage means; one kind names a message by the reply to it."""
    if isinstance(given, types.InputMessageReplyTo):
        reply = box.posts.get(given.id)
        return reply.reply_to.ids.get(box.owner, 0) if reply and reply.reply_to else 0
    return given if isinstance(given, int) else int(getattr(given, "id", 0))


RULES = {
    functions.messages.GetHistoryRequest: get_history,
    functions.messages.GetMessagesRequest: get_messages,
}
