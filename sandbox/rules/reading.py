"""Reading: marks move, and the other side is told."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.call import Call


def read_history(call: Call, request: functions.messages.ReadHistoryRequest) -> types.messages.AffectedMessages:
    """Everything up to a message is read."""
    count = acts.read(call.sandbox, call.me, call.peer(request.peer), request.max_id, call.session)
    return types.messages.AffectedMessages(pts=call.town.boxes[call.me].pts, pts_count=count)


def read_channel(call: Call, request: functions.channels.ReadHistoryRequest) -> bool:
    """The same in a channel, where nobody is told."""
    acts.read(call.sandbox, call.me, call.peer(request.channel), request.max_id, call.session)
    return True


def read_contents(call: Call, _request: functions.messages.ReadMessageContentsRequest) -> Any:
    """Mentions and voice notes are not counted here."""
    return types.messages.AffectedMessages(pts=call.town.boxes[call.me].pts, pts_count=0)


RULES = {
    functions.messages.ReadHistoryRequest: read_history,
    functions.channels.ReadHistoryRequest: read_channel,
    functions.messages.ReadMessageContentsRequest: read_contents,
}
