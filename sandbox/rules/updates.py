"""Catching up: where the box stands, and what was missed since. core.telegram.org/api/updates."""

from typing import Any

from telethon.tl import functions, types

from sandbox.acts import new_message
from sandbox.box import Box, Change
from sandbox.call import Call
from sandbox.refusal import bad

SLICE = 100
"""The most changes in one answer."""


def get_state(call: Call, _request: functions.updates.GetStateRequest) -> types.updates.State:
    """Where the box stands."""
    return call.state()


def get_difference(call: Call, request: functions.updates.GetDifferenceRequest) -> Any:
    """New messages as messages, everything else as updates, oldest first; more than a slice comes in slices."""
    box = call.town.boxes[call.me]
    if not request.pts:
        raise bad("PERSISTENT_TIMESTAMP_EMPTY")
    changes = box.since(request.pts)
    if not changes:
        return types.updates.DifferenceEmpty(date=call.town.clock.now(), seq=0)
    part = changes[:SLICE]
    answer = {"new_encrypted_messages": [], **_missed(call, box, part)}
    state = call.state()
    if len(part) == len(changes):
        return types.updates.Difference(state=state, **answer)
    state.pts = part[-1].pts
    return types.updates.DifferenceSlice(intermediate_state=state, **answer)


def get_channel_difference(call: Call, request: functions.updates.GetChannelDifferenceRequest) -> Any:
    """The same for a channel, which counts by itself."""
    box = call.town.boxes[call.peer(request.channel)]
    changes = box.since(request.pts)
    if not changes:
        return types.updates.ChannelDifferenceEmpty(pts=box.pts, final=True, timeout=300)
    return types.updates.ChannelDifference(pts=box.pts, final=True, timeout=300, **_missed(call, box, changes))


def _missed(call: Call, box: Box, changes: list[Change]) -> dict[str, Any]:
    posts = [change.post for change in changes if change.post and box.owner in change.post.ids]
    updates = [update for change in changes if change.update and (update := change.update()) is not None]
    edited = [box.posts[u.message.id] for u in updates if hasattr(u, "message")]
    peers = {_marked(u.peer) for u in updates if hasattr(u, "peer")}
    return {
        "new_messages": [new_message(call.view, post, box, 0).message for post in posts],
        "other_updates": updates,
        **call.view.cast(peers, [*posts, *edited]),
    }


def _marked(peer: Any) -> int:
    return int(peer.user_id) if isinstance(peer, types.PeerUser) else -int(peer.chat_id)


RULES = {
    functions.updates.GetStateRequest: get_state,
    functions.updates.GetDifferenceRequest: get_difference,
    functions.updates.GetChannelDifferenceRequest: get_channel_difference,
}
