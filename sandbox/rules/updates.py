"""Catching up: where the box stands, and what was missed since. core.telegram.org/api/updates."""

from datetime import datetime
from typing import Any

from telethon.tl import functions, types

from sandbox.acts import new_message
from sandbox.box import Box, Change
from sandbox.call import Call, moment
from sandbox.message import marked
from sandbox.refusal import bad
from sandbox.rules.history import PAGE


def get_state(call: Call, _request: functions.updates.GetStateRequest) -> types.updates.State:
    """Where the box stands."""
    return call.state()


def get_difference(call: Call, request: functions.updates.GetDifferenceRequest) -> Any:
    """New messages as messages, everything else as updates, oldest first; more than a slice comes in slices.

    Channels count by themselves: of one that changed since the date, the client learns only that it did.
    """
    box = call.town.boxes[call.me]
    if not request.pts:
        raise bad("PERSISTENT_TIMESTAMP_EMPTY")
    behind = box.pts - request.pts
    if request.pts < box.kept_from or behind > (request.pts_total_limit or call.sandbox.limits.difference):
        return types.updates.DifferenceTooLong(pts=box.pts)
    changes, channels = box.since(request.pts), _changed_channels(call, moment(request.date))
    if not changes and not channels:
        return types.updates.DifferenceEmpty(date=call.town.clock.now(), seq=0)
    part = changes[: min(request.pts_limit or PAGE, call.sandbox.limits.slice)]
    missed = _missed(call, box, part, channels)
    answer = {"new_encrypted_messages": [], **missed}
    state = call.state()
    if len(part) == len(changes):
        answer["other_updates"] = [
            *missed["other_updates"],
            *(types.UpdateChannelTooLong(call.town.chats[i].bare_id, call.town.boxes[i].pts) for i in channels),
        ]
        return types.updates.Difference(state=state, **answer)
    state.pts = part[-1].pts
    return types.updates.DifferenceSlice(intermediate_state=state, **answer)


def get_channel_difference(call: Call, request: functions.updates.GetChannelDifferenceRequest) -> Any:
    """The same for one channel or supergroup. Too far behind, one is given the newest page instead."""
    peer = call.peer(request.channel)
    box = call.town.boxes[peer]
    if not request.pts:
        raise bad("PERSISTENT_TIMESTAMP_EMPTY")
    if request.pts < box.kept_from or box.pts - request.pts > call.sandbox.limits.channel_difference:
        ids = box.by_peer.get(peer, [])[-1 : -PAGE - 1 : -1]
        return types.updates.ChannelDifferenceTooLong(
            dialog=call.view.dialog(peer),
            messages=[call.view.message(box.posts[i], i) for i in ids],
            final=True,
            timeout=300,
            **call.view.cast([peer], [box.posts[i] for i in ids]),
        )
    changes = box.since(request.pts)
    if not changes:
        return types.updates.ChannelDifferenceEmpty(pts=box.pts, final=True, timeout=300)
    part = changes[: min(request.limit, call.sandbox.limits.slice)]
    missed, final = _missed(call, box, part, [peer]), len(part) == len(changes)
    return types.updates.ChannelDifference(pts=part[-1].pts, final=final or None, timeout=300, **missed)


def _changed_channels(call: Call, since: datetime | None) -> list[int]:
    mine = [chat.id for chat in call.town.chats.values() if chat.channel and call.me in chat.members]
    at = {peer: call.town.boxes[peer].changed_at for peer in mine}
    # the client's date is in whole seconds
    return [peer for peer, changed in at.items() if changed and since and changed.replace(microsecond=0) >= since]


def _missed(call: Call, box: Box, changes: list[Change], peers: list[int]) -> dict[str, Any]:
    posts = [change.post for change in changes if change.post and box.owner in change.post.ids]
    updates = [update for change in changes if change.update and (update := change.update(call.me)) is not None]
    edited = [box.posts[u.message.id] for u in updates if hasattr(u, "message")]
    named = {marked(u.peer) for u in updates if hasattr(u, "peer")}
    return {
        "new_messages": [new_message(call.view, post, box, 0).message for post in posts],
        "other_updates": updates,
        **call.view.cast([*peers, *named], [*posts, *edited]),
    }


RULES = {
    functions.updates.GetStateRequest: get_state,
    functions.updates.GetDifferenceRequest: get_difference,
    functions.updates.GetChannelDifferenceRequest: get_channel_difference,
}
