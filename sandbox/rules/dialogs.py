"""The chat list: newest first, in pages."""

from typing import Any

from telethon.tl import functions, types

from sandbox.box import Post
from sandbox.call import Call, moment

PAGE = 100
Place = tuple[float, int, int]


def get_dialogs(call: Call, request: functions.messages.GetDialogsRequest) -> Any:
    """A page of the list, after the dialog that the offsets describe."""
    if request.folder_id:
        return types.messages.Dialogs(dialogs=[], messages=[], chats=[], users=[])
    everything = sorted(((_place(call, peer), peer) for peer in _peers(call)), reverse=True)
    rest = everything
    if moment(request.offset_date) or request.offset_id:
        rest = [(place, peer) for place, peer in everything if place < _offset(call, request)]
    page = [peer for _, peer in rest[: min(request.limit, PAGE)]]
    answer = _lines(call, page)
    if len(page) == len(everything):
        return types.messages.Dialogs(**answer)
    return types.messages.DialogsSlice(count=len(everything), **answer)


def get_peer_dialogs(call: Call, request: functions.messages.GetPeerDialogsRequest) -> types.messages.PeerDialogs:
    """Single lines of the list."""
    peers = [call.peer(given.peer) for given in request.peers if isinstance(given, types.InputDialogPeer)]
    return types.messages.PeerDialogs(state=call.state(), **_lines(call, peers))


def get_pinned(call: Call, _request: functions.messages.GetPinnedDialogsRequest) -> types.messages.PeerDialogs:
    """Nothing is pinned."""
    return types.messages.PeerDialogs(state=call.state(), **_lines(call, []))


def get_filters(_call: Call, _request: functions.messages.GetDialogFiltersRequest) -> types.messages.DialogFilters:
    """There are no folders."""
    return types.messages.DialogFilters([])


def _peers(call: Call) -> list[int]:
    own = [peer for peer, ids in call.town.boxes[call.me].by_peer.items() if ids]
    channels = [c.id for c in call.town.chats.values() if c.channel and call.me in c.members]
    return own + channels


def _top(call: Call, peer: int) -> tuple[int, Post | None]:
    box = call.town.box_of(call.me, peer)
    ids = box.by_peer.get(peer)
    return (ids[-1], box.posts[ids[-1]]) if ids else (0, None)


def _place(call: Call, peer: int) -> Place:
    message_id, post = _top(call, peer)
    at = post.at if post else call.town.chats[peer].created
    return int(at.timestamp()), message_id, peer


def _offset(call: Call, request: functions.messages.GetDialogsRequest) -> Place:
    at = moment(request.offset_date)
    named = not isinstance(request.offset_peer, types.InputPeerEmpty)
    peer = call.peer(request.offset_peer) if named else 0
    return at.timestamp() if at else float("inf"), request.offset_id, peer


def _lines(call: Call, peers: list[int]) -> dict[str, Any]:
    tops = [(message_id, post) for message_id, post in (_top(call, peer) for peer in peers) if post]
    return {
        "dialogs": [call.view.dialog(peer) for peer in peers],
        "messages": [call.view.message(post, message_id) for message_id, post in tops],
        **call.view.cast(peers, [post for _, post in tops]),
    }


RULES = {
    functions.messages.GetDialogsRequest: get_dialogs,
    functions.messages.GetPeerDialogsRequest: get_peer_dialogs,
    functions.messages.GetPinnedDialogsRequest: get_pinned,
    functions.messages.GetDialogFiltersRequest: get_filters,
}
