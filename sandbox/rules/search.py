"""Searching for words, in one chat or in all private chats and groups."""

from typing import Any

from telethon.tl import functions, types

from sandbox.box import Post
from sandbox.call import Call, moment
from sandbox.media import media_of
from sandbox.rules.history import found, page
from sandbox.topic import within


def search(call: Call, request: functions.messages.SearchRequest) -> Any:
    """Messages with the words in them, perhaps of one person, of one kind, or of one topic."""
    whole_box = isinstance(request.peer, types.InputPeerEmpty)
    peer = call.me if whole_box else call.peer(request.peer)
    box = call.town.box_of(call.me, peer)
    sender = call.peer(request.from_id) if request.from_id else None
    words = request.q.lower()
    start = box.posts.get(request.top_msg_id or 0)

    def fits(post: Post) -> bool:
        if sender is not None and post.sender != sender:
            return False
        if start is not None and not within(post, start, general=call.town.is_forum(peer)):
            return False
        return words in post.text.lower() and of_kind(post, request.filter)

    everything = sorted(box.posts) if whole_box else box.by_peer.get(peer, [])
    ids = [i for i in everything if fits(box.posts[i])]
    return found(call, peer, box, page(box, ids, request, moment(request.max_date)), len(ids))


def of_kind(post: Post, wanted: Any) -> bool:
    """Whether a message is what a filter lets through; filters that are not known here let nothing through."""
    media = media_of(post)
    match wanted:
        case types.InputMessagesFilterEmpty():
            return True
        case types.InputMessagesFilterPinned():
            return post.pinned
        case types.InputMessagesFilterPhotos():
            return isinstance(media, types.MessageMediaPhoto)
        case types.InputMessagesFilterPhoneCalls():
            return isinstance(post.action, types.MessageActionPhoneCall)
        case types.InputMessagesFilterUrl():
            return isinstance(media, types.MessageMediaWebPage)
        case types.InputMessagesFilterVoice():
            return bool(getattr(media, "voice", False))
        case types.InputMessagesFilterRoundVideo():
            return bool(getattr(media, "round", False))
        case types.InputMessagesFilterVideo():
            return bool(getattr(media, "video", False))
    return False


RULES = {functions.messages.SearchRequest: search}
