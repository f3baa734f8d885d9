"""Basic groups: what they are and who is in them."""

from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.people import Chat
from sandbox.refusal import bad


def get_chats(call: Call, request: functions.messages.GetChatsRequest) -> types.messages.Chats:
    """Groups by id."""
    return types.messages.Chats([call.view.chat(_group(call, bare)) for bare in request.id])


def get_full_chat(call: Call, request: functions.messages.GetFullChatRequest) -> types.messages.ChatFull:
    """One group with its members."""
    chat = _group(call, request.chat_id)
    members: list[Any] = [
        types.ChatParticipantCreator(member)
        if member == chat.creator
        else types.ChatParticipant(member, inviter_id=chat.creator, date=chat.created)
        for member in chat.members
    ]
    full = types.ChatFull(
        id=chat.bare_id,
        about="",
        participants=types.ChatParticipants(chat.bare_id, members, version=1),
        notify_settings=types.PeerNotifySettings(),
    )
    return types.messages.ChatFull(full, **call.view.cast([chat.id, *chat.members]))


def _group(call: Call, bare_id: int) -> Chat:
    chat = call.town.chats.get(-bare_id)
    if chat is None or call.me not in chat.members:
        raise bad("CHAT_ID_INVALID")
    return chat


RULES = {
    functions.messages.GetChatsRequest: get_chats,
    functions.messages.GetFullChatRequest: get_full_chat,
}
