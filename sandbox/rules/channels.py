"""Broadcast channels: what they are, and their messages by id."""

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.rules.history import pick


def get_channels(call: Call, request: functions.channels.GetChannelsRequest) -> types.messages.Chats:
    """Channels by id and access hash."""
    return types.messages.Chats([call.view.chat(call.town.chats[call.peer(given)]) for given in request.id])


def get_messages(call: Call, request: functions.channels.GetMessagesRequest) -> types.messages.ChannelMessages:
    """Messages of a channel by id."""
    box = call.town.boxes[call.peer(request.channel)]
    picked = pick(call, box, request.id)
    return types.messages.ChannelMessages(pts=box.pts, count=len(request.id), topics=[], **picked)


RULES = {
    functions.channels.GetChannelsRequest: get_channels,
    functions.channels.GetMessagesRequest: get_messages,
}
