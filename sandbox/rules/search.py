"""Searching for words, in one chat or in all private chats and groups."""

from typing import Any

from telethon.tl import functions, types

from sandbox.box import Post
from sandbox.call import Call, moment
from sandbox.rules.history import found, page


def search(call: Call, request: functions.messages.SearchRequest) -> Any:
    """Messages with the words in them, perhaps of one person. Filters by kind of media find nothing here."""
    whole_box = isinstance(request.peer, types.InputPeerEmpty)
    peer = call.me if whole_box else call.peer(request.peer)
    box = call.town.box_of(call.me, peer)
    sender = call.peer(request.from_id) if request.from_id else None
    words = request.q.lower()

    def fits(post: Post) -> bool:
        if sender is not None and post.sender != sender:
            return False
        return words in post.text.lower()

    everything = sorted(box.posts) if whole_box else box.by_peer.get(peer, [])
    plain = isinstance(request.filter, types.InputMessagesFilterEmpty)
    ids = [i for i in everything if plain and fits(box.posts[i])]
    return found(call, peer, box, page(box, ids, request, moment(request.max_date)), len(ids))


RULES = {functions.messages.SearchRequest: search}
