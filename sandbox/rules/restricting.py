"""Restricted writing: a member of a supergroup who may only read, and a group in which nobody but those who rule may
write."""

from typing import Any

from telethon.tl import functions

from sandbox.call import Call
from sandbox.refusal import Refusal, bad


def edit_banned(call: Call, request: functions.channels.EditBannedRequest) -> Any:
    """Take the right to write from one member, or give it back."""
    chat, member = call.town.chats[call.peer(request.channel)], call.peer(request.participant)
    if not chat.rules_over(call.me):
        raise bad("CHAT_ADMIN_REQUIRED")
    (chat.silenced.add if request.banned_rights.send_messages else chat.silenced.discard)(member)
    return call.updates([], peers=[chat.id])


def edit_default_rights(call: Call, request: functions.messages.EditChatDefaultBannedRightsRequest) -> Any:
    """Take that right from everybody, or give it back."""
    chat = call.town.chats[call.peer(request.peer)]
    if not chat.rules_over(call.me):
        raise bad("CHAT_ADMIN_REQUIRED")
    chat.read_only = bool(request.banned_rights.send_messages)
    return call.updates([], peers=[chat.id])


def check(call: Call, peer: int) -> None:
    """Raises Refusal for who may only read."""
    chat = call.town.chats[peer]
    if call.me in chat.silenced:
        raise bad("USER_BANNED_IN_CHANNEL")
    if chat.read_only and not chat.rules_over(call.me):
        raise Refusal(403, "CHAT_WRITE_FORBIDDEN")


RULES = {
    functions.channels.EditBannedRequest: edit_banned,
    functions.messages.EditChatDefaultBannedRightsRequest: edit_default_rights,
}
