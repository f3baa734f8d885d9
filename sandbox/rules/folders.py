"""Folders and the archive. core.telegram.org/api/folders."""

from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.folder import ARCHIVE, Folder
from sandbox.refusal import bad

FLAGS = (
    "contacts",
    "non_contacts",
    "groups",
    "broadcasts",
    "bots",
    "exclude_muted",
    "exclude_read",
    "exclude_archived",
)


def get_filters(call: Call, _request: functions.messages.GetDialogFiltersRequest) -> types.messages.DialogFilters:
    """All folders; the first stands for the whole list."""
    folders = call.town.boxes[call.me].folders.values()
    rows = [_shown(call, folder) for folder in folders]
    return types.messages.DialogFilters([types.DialogFilterDefault(), *rows] if rows else [])


def update_filter(call: Call, request: functions.messages.UpdateDialogFilterRequest) -> bool:
    """Make a folder, change it, or, without one, remove it."""
    folders, given = call.town.boxes[call.me].folders, request.filter
    if request.id <= ARCHIVE:
        raise bad("FILTER_ID_INVALID")
    if given is None:
        folders.pop(request.id, None)
        return True
    include, exclude, pinned = (
        tuple(call.peer(peer) for peer in peers)
        for peers in (given.include_peers, given.exclude_peers, given.pinned_peers)
    )
    flags: dict[str, Any] = {flag: bool(getattr(given, flag)) for flag in FLAGS}
    folders[request.id] = Folder(request.id, given.title.text, include, exclude, pinned, **flags)
    return True


def edit_peer_folders(call: Call, request: functions.folders.EditPeerFoldersRequest) -> Any:
    """Put chats into the archive, or take them out."""
    box, moved = call.town.boxes[call.me], []
    for given in request.folder_peers:
        peer = call.peer(given.peer)
        (box.archived.add if given.folder_id == ARCHIVE else box.archived.discard)(peer)
        moved.append((peer, given.folder_id))
    rows = [types.FolderPeer(call.view.peer(peer), folder) for peer, folder in moved]

    def update(_viewer: int, pts: int) -> types.UpdateFolderPeers:
        return types.UpdateFolderPeers(rows, pts=pts, pts_count=1)

    told, peers = update(call.me, box.change(1, update=update)), [peer for peer, _ in moved]
    call.sandbox.tell(call.me, [told], peers=peers, but=call.session)
    return call.updates([told], peers=peers)


def _shown(call: Call, folder: Folder) -> Any:
    def named(peers: tuple[int, ...]) -> list[Any]:
        return [call.view.input_peer(peer) for peer in peers]

    common = {
        "id": folder.id,
        "title": types.TextWithEntities(folder.title, []),
        "pinned_peers": named(folder.pinned),
        "include_peers": named(folder.include),
    }
    if folder.shared:
        return types.DialogFilterChatlist(**common)
    flags = {flag: getattr(folder, flag) or None for flag in FLAGS}
    return types.DialogFilter(exclude_peers=named(folder.exclude), **common, **flags)


RULES = {
    functions.messages.GetDialogFiltersRequest: get_filters,
    functions.messages.UpdateDialogFilterRequest: update_filter,
    functions.folders.EditPeerFoldersRequest: edit_peer_folders,
}
