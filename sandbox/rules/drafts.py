"""Cloud drafts: one a chat, seen by all logins of the account."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Draft
from sandbox.call import Call


def save_draft(call: Call, request: functions.messages.SaveDraftRequest) -> bool:
    """Keep what was begun; an empty text throws it away."""
    peer = call.peer(request.peer)
    reply = request.reply_to.reply_to_msg_id if isinstance(request.reply_to, types.InputReplyToMessage) else None
    kept = Draft(request.message, call.town.clock.now(), list(request.entities or []), reply)
    acts.draft(call.sandbox, call.me, peer, kept if request.message else None, call.session)
    return True


def get_all_drafts(call: Call, _request: functions.messages.GetAllDraftsRequest) -> Any:
    """Every draft, as updates."""
    drafts = call.town.boxes[call.me].drafts
    updates = [types.UpdateDraftMessage(call.view.peer(peer), call.view.draft(kept)) for peer, kept in drafts.items()]
    return call.updates(updates, peers=list(drafts))


RULES = {
    functions.messages.SaveDraftRequest: save_draft,
    functions.messages.GetAllDraftsRequest: get_all_drafts,
}
