"""Deleting messages, for oneself or for everybody."""

from telethon.tl import functions, types

from sandbox import acts
from sandbox.call import Call
from sandbox.refusal import Refusal


def delete_messages(call: Call, request: functions.messages.DeleteMessagesRequest) -> types.messages.AffectedMessages:
    """Take messages out of the box; with `revoke`, out of the other boxes too. Unknown ids are passed over."""
    box = call.town.boxes[call.me]
    posts = [box.posts[i] for i in dict.fromkeys(request.id) if i in box.posts]
    if request.revoke and any(post.peer < 0 and post.sender != call.me for post in posts):
        raise Refusal(
            403, "MESSAGE_DELETE_FORBIDDEN"
        )  # in a private chat one may take back the other's, in a group not
    count = acts.unsend(call.sandbox, call.me, posts, both=bool(request.revoke), via=call.session)
    return types.messages.AffectedMessages(pts=box.pts, pts_count=count)


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
}
