"""Deleting messages, for oneself or for everybody."""

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Post
from sandbox.call import Call
from sandbox.refusal import Refusal


def delete_messages(call: Call, request: functions.messages.DeleteMessagesRequest) -> types.messages.AffectedMessages:
    """Take messages out of the box; with `revoke`, out of the other boxes too. Unknown ids are passed over."""
    box = call.town.boxes[call.me]
    posts = [box.posts[i] for i in dict.fromkeys(request.id) if i in box.posts]
    if request.revoke:
        check_may_delete(call, posts)
    count = acts.unsend(call.sandbox, call.me, posts, both=bool(request.revoke), via=call.session)
    return types.messages.AffectedMessages(pts=box.pts, pts_count=count)


def delete_in_channel(call: Call, request: functions.channels.DeleteMessagesRequest) -> types.messages.AffectedMessages:
    """Take messages out of a channel or supergroup, for everybody."""
    box = call.town.boxes[call.peer(request.channel)]
    posts = [box.posts[i] for i in dict.fromkeys(request.id) if i in box.posts]
    check_may_delete(call, posts)
    acts.unsend(call.sandbox, call.me, posts, both=True, via=call.session)
    return types.messages.AffectedMessages(pts=box.pts, pts_count=len(posts))


def check_may_delete(call: Call, posts: list[Post]) -> None:
    """Raises Refusal: in a private chat one may take back the other's messages, in a group not."""
    for post in posts:
        if post.peer < 0 and post.sender != call.me and not call.town.chats[post.peer].rules_over(call.me):
            raise Refusal(403, "MESSAGE_DELETE_FORBIDDEN")


def delete_history(call: Call, request: functions.messages.DeleteHistoryRequest) -> types.messages.AffectedHistory:
    """Empty a chat."""
    box, peer = call.town.boxes[call.me], call.peer(request.peer)
    ids = [i for i in box.by_peer.get(peer, []) if not request.max_id or i <= request.max_id]
    posts = [box.posts[i] for i in ids]
    count = acts.unsend(call.sandbox, call.me, posts, both=bool(request.revoke), via=call.session)
    return types.messages.AffectedHistory(pts=box.pts, pts_count=count, offset=0)


RULES = {
    functions.messages.DeleteMessagesRequest: delete_messages,
    functions.messages.DeleteHistoryRequest: delete_history,
    functions.channels.DeleteMessagesRequest: delete_in_channel,
}
