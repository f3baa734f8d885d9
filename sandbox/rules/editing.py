"""Changing the text of one's own message."""

from typing import Any

from telethon.tl import functions

from sandbox import acts
from sandbox.call import Call
from sandbox.refusal import Refusal, bad


def edit_message(call: Call, request: functions.messages.EditMessageRequest) -> Any:
    """Replace a text; only its author may, and only by another."""
    post = call.post(request.id, call.peer(request.peer))
    if post.sender != call.me:
        raise Refusal(403, "MESSAGE_AUTHOR_REQUIRED")
    text, entities = call.text(request.message), list(request.entities or [])
    markup = request.reply_markup if call.town.accounts[call.me].bot else None
    if text == post.text and len(entities) == len(post.entities) and markup == post.markup:
        raise bad("MESSAGE_NOT_MODIFIED")
    post.markup = markup
    told = acts.edit(call.sandbox, post, text, entities, call.session)
    return call.updates(told[call.me], posts=[post])


RULES = {functions.messages.EditMessageRequest: edit_message}
