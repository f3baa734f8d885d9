"""Slow mode: in some supergroups everybody but those who rule may write only every so many seconds."""

from math import ceil
from typing import Any

from telethon.tl import functions

from sandbox.call import Call
from sandbox.refusal import Refusal, bad


def toggle_slow_mode(call: Call, request: functions.channels.ToggleSlowModeRequest) -> Any:
    """Set the seconds between two messages of one member; 0 ends it."""
    chat = call.town.chats[call.peer(request.channel)]
    if not chat.rules_over(call.me):
        raise bad("CHAT_ADMIN_REQUIRED")
    chat.slow_seconds = request.seconds
    return call.updates([], peers=[chat.id])


def check(call: Call, peer: int) -> None:
    """Raises Refusal for a message that comes too soon after the last one of the same member."""
    chat = call.town.chats[peer]
    if not chat.slow_seconds or chat.rules_over(call.me):
        return
    box = call.town.box_of(call.me, peer)
    own = [post.at for post in map(box.posts.__getitem__, box.by_peer.get(peer, [])) if post.sender == call.me]
    left = chat.slow_seconds - (call.town.clock.now() - max(own)).total_seconds() if own else 0
    if left > 0:
        raise Refusal(420, f"SLOWMODE_WAIT_{ceil(left)}")


RULES = {functions.channels.ToggleSlowModeRequest: toggle_slow_mode}
