"""Typing: the other side sees it, nothing is kept."""

from telethon.tl import functions

from sandbox import acts
from sandbox.call import Call


def set_typing(call: Call, request: functions.messages.SetTypingRequest) -> bool:
    """Begin, or stop, to type."""
    acts.typing(call.sandbox, call.me, call.peer(request.peer), request.action, call.session)
    return True


RULES = {functions.messages.SetTypingRequest: set_typing}
