"""Reactions: one emoji of each person on a message."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.call import Call


def send_reaction(call: Call, request: functions.messages.SendReactionRequest) -> Any:
    """Put one on, or take it off."""
    post = call.post(request.msg_id, call.peer(request.peer))
    emojis = [r.emoticon for r in request.reaction or [] if isinstance(r, types.ReactionEmoji)]
    told = acts.react(call.sandbox, call.me, post, emojis[-1] if emojis else None, call.session)
    return call.updates(told[call.me], posts=[post])


RULES = {functions.messages.SendReactionRequest: send_reaction}
