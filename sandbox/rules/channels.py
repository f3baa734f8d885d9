"""Channels and supergroups: what they are, who is in them, and their messages by id."""

from collections.abc import Callable
from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.people import Account, Chat
from sandbox.refusal import bad
from sandbox.rules.history import pick
from sandbox.view import RIGHTS

PAGE = 200


def get_channels(call: Call, request: functions.channels.GetChannelsRequest) -> types.messages.Chats:
    """Channels by id and access hash."""
    return types.messages.Chats([call.view.chat(call.town.chats[call.peer(given)]) for given in request.id])


def get_messages(call: Call, request: functions.channels.GetMessagesRequest) -> types.messages.ChannelMessages:
    """Messages of a channel by id."""
    box = call.town.boxes[call.peer(request.channel)]
    picked = pick(call, box, request.id)
    return types.messages.ChannelMessages(pts=box.pts, count=len(request.id), topics=[], **picked)


def get_full_channel(call: Call, request: functions.channels.GetFullChannelRequest) -> types.messages.ChatFull:
    """One channel or supergroup, with what stands on its page."""
    chat = call.town.chats[call.peer(request.channel)]
    own, box = call.town.boxes[call.me], call.town.boxes[chat.id]
    old = own.by_peer.get(chat.migrated_from or 0)
    full = types.ChannelFull(
        id=chat.bare_id,
        about=chat.about,
        read_inbox_max_id=own.read_in.get(chat.id, 0),
        read_outbox_max_id=own.read_out.get(chat.id, 0),
        unread_count=call.town.unread(call.me, chat.id),
        chat_photo=types.PhotoEmpty(0),
        notify_settings=call.view.notify(chat.id),
        bot_info=[],
        pts=box.pts,
        can_view_participants=_may_see_members(call, chat),
        participants_count=len(chat.members),
        migrated_from_chat_id=-chat.migrated_from if chat.migrated_from else None,
        migrated_from_max_id=old[-1] if old else None,
    )
    cast = [chat.id, *([chat.migrated_from] if chat.migrated_from else [])]
    return types.messages.ChatFull(full, **call.view.cast(cast))


def get_participants(call: Call, request: functions.channels.GetParticipantsRequest) -> Any:
    """A page of the members, perhaps only the administrators, bots or contacts, or those whose name fits."""
    chat = call.town.chats[call.peer(request.channel)]
    if not _may_see_members(call, chat):
        raise bad("CHAT_ADMIN_REQUIRED")
    fits = _filter(call, chat, request.filter)
    members = [member for member in chat.members if fits(call.town.accounts[member])]
    page = members[request.offset : request.offset + min(request.limit, PAGE)]
    rows = [_participant(call, chat, member) for member in page]
    return types.channels.ChannelParticipants(count=len(members), participants=rows, **call.view.cast(page))


def get_participant(call: Call, request: functions.channels.GetParticipantRequest) -> types.channels.ChannelParticipant:
    """One member."""
    chat, member = call.town.chats[call.peer(request.channel)], call.peer(request.participant)
    if member not in chat.members:
        raise bad("USER_NOT_PARTICIPANT")
    return types.channels.ChannelParticipant(_participant(call, chat, member), **call.view.cast([member]))


def _may_see_members(call: Call, chat: Chat) -> bool:
    return chat.megagroup or chat.rules_over(call.me)


def _filter(call: Call, chat: Chat, given: Any) -> Callable[[Account], bool]:
    words = (getattr(given, "q", None) or "").lower()
    match given:
        case types.ChannelParticipantsAdmins():
            return lambda account: chat.rules_over(account.id)
        case types.ChannelParticipantsBots():
            return lambda account: account.bot
        case types.ChannelParticipantsContacts():
            return lambda account: account.id in call.town.accounts[call.me].contacts and words in account.name.lower()
        case types.ChannelParticipantsKicked() | types.ChannelParticipantsBanned():
            return lambda _account: False
    return lambda account: words in account.name.lower() or words in (account.username or "").lower()


def _participant(call: Call, chat: Chat, member: int) -> Any:
    if member == chat.creator:
        return types.ChannelParticipantCreator(member, RIGHTS)
    if member in chat.admins:
        return types.ChannelParticipantAdmin(member, chat.creator, chat.created, RIGHTS, is_self=member == call.me)
    if member == call.me:
        return types.ChannelParticipantSelf(member, chat.creator, chat.created)
    return types.ChannelParticipant(member, chat.created)


RULES = {
    functions.channels.GetChannelsRequest: get_channels,
    functions.channels.GetMessagesRequest: get_messages,
    functions.channels.GetFullChannelRequest: get_full_channel,
    functions.channels.GetParticipantsRequest: get_participants,
    functions.channels.GetParticipantRequest: get_participant,
}
