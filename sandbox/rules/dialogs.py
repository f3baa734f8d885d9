"""The chat list: newest first, in pages."""

from typing import Any

from telethon.tl import functions, types

from sandbox.box import Post
from sandbox.call import Call, moment
from sandbox.folder import ARCHIVE

PAGE = 100
Place = tuple[float, int, int]


def get_dialogs(call: Call, request: functions.messages.GetDialogsRequest) -> Any:
    """A page of the list, after the dialog that the offsets describe; pinned ones stand at its head.

    Without a folder the archived ones are among them, with folder 0 they are not, with folder 1 nothing else is.
    """
    box = call.town.boxes[call.me]
    peers = [peer for peer in _peers(call) if request.folder_id in (None, int(peer in box.archived))]
    pinned = [peer for peer in box.pinned if peer in peers]
    rest = sorted(((_place(call, peer), peer) for peer in peers if peer not in pinned), reverse=True)
    first = [] if request.exclude_pinned else pinned
    count = len(first) + len(rest)
    if moment(request.offset_date) or request.offset_id:
        first, rest = [], [(place, peer) for place, peer in rest if place < _offset(call, request)]
    page = [*first, *(peer for _, peer in rest)][: min(request.limit, PAGE)]
    answer = _lines(call, page)
    if len(page) == count:
        return types.messages.Dialogs(**answer)
    return types.messages.DialogsSlice(count=count, **answer)


def get_peer_dialogs(call: Call, request: functions.messages.GetPeerDialogsRequest) -> types.messages.PeerDialogs:
    """Single lines of the list."""
    peers = [call.peer(given.peer) for given in request.peers if isinstance(given, types.InputDialogPeer)]
    return types.messages.PeerDialogs(state=call.state(), **_lines(call, peers))


def get_pinned(call: Call, request: functions.messages.GetPinnedDialogsRequest) -> types.messages.PeerDialogs:
    """What is pinned, in its order. Above the main list stands the archive as one line, if something is in it."""
    box = call.town.boxes[call.me]
    answer = _lines(call, [peer for peer in box.pinned if int(peer in box.archived) == request.folder_id])
    archived = sorted(((_place(call, peer), peer) for peer in _peers(call) if peer in box.archived), reverse=True)
    if request.folder_id != ARCHIVE and archived:
        answer["dialogs"].insert(0, _archive(call, [peer for _, peer in archived]))
        shown = _lines(call, [archived[0][1]])
        for part in ("messages", "users", "chats"):
            answer[part] += [each for each in shown[part] if each.id not in {known.id for known in answer[part]}]
    return types.messages.PeerDialogs(state=call.state(), **answer)


def _archive(call: Call, peers: list[int]) -> types.DialogFolder:
    muted = call.town.boxes[call.me].muted
    unread = {peer: call.town.unread(call.me, peer) for peer in peers}
    return types.DialogFolder(
        folder=types.Folder(ARCHIVE, "Archived chats"),
        peer=call.view.peer(peers[0]),
        top_message=_top(call, peers[0])[0],
        unread_muted_peers_count=sum(bool(count) for peer, count in unread.items() if peer in muted),
        unread_unmuted_peers_count=sum(bool(count) for peer, count in unread.items() if peer not in muted),
        unread_muted_messages_count=sum(count for peer, count in unread.items() if peer in muted),
        unread_unmuted_messages_count=sum(count for peer, count in unread.items() if peer not in muted),
        pinned=True,
    )


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
}
