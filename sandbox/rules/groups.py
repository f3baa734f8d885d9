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
    members = [] if chat.migrated_to else chat.members
    rows = [_participant(chat, member) for member in members]
    there = call.me in members
    full = types.ChatFull(
        id=chat.bare_id,
        about=chat.about,
        participants=types.ChatParticipants(chat.bare_id, rows, version=1)
        if there
        else types.ChatParticipantsForbidden(chat.bare_id),
        notify_settings=call.view.notify(chat.id),
    )
    cast = [chat.id, *members, *([chat.migrated_to] if chat.migrated_to else [])]
    return types.messages.ChatFull(full, **call.view.cast(cast))


def _participant(chat: Chat, member: int) -> Any:
    if member == chat.creator:
        return types.ChatParticipantCreator(member)
    kind = types.ChatParticipantAdmin if member in chat.admins else types.ChatParticipant
    return kind(member, inviter_id=chat.creator, date=chat.created)


def _group(call: Call, bare_id: int) -> Chat:
    chat = call.town.chats.get(-bare_id)
    if chat is None or (call.me not in chat.members and chat.id not in call.town.boxes[call.me].by_peer):
        raise bad("CHAT_ID_INVALID")
    return chat


RULES = {
    functions.messages.GetChatsRequest: get_chats,
    functions.messages.GetFullChatRequest: get_full_chat,
}
