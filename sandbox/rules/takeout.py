"""Exporting one's own data: a takeout is begun, requests are wrapped into it, and it is finished.
core.telegram.org/api/takeout. The wait that Telegram asks for first (TAKEOUT_INIT_DELAY) is a fault like any other."""

from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.refusal import Refusal

SPLIT = 3000
"""How many message ids of private chats and basic groups one range spans."""


def begin(call: Call, _request: functions.account.InitTakeoutSessionRequest) -> types.account.Takeout:
    """Begin one; a running one goes on."""
    call.login.takeout = call.login.takeout or call.town.random.getrandbits(62)
    return types.account.Takeout(call.login.takeout)


def finish(call: Call, _request: functions.account.FinishTakeoutSessionRequest) -> bool:
    """End it: its number is worth nothing any more."""
    _check(call)
    call.login.takeout = None
    return True


def get_split_ranges(call: Call, _request: functions.messages.GetSplitRangesRequest) -> list[Any]:
    """The ranges of message ids to be asked for one by one."""
    _check(call)
    top = call.town.boxes[call.me].top
    return [types.MessageRange(low, low + SPLIT - 1) for low in range(1, top + 1, SPLIT)]


def _check(call: Call) -> None:
    if call.envelope.takeout is None:
        raise Refusal(403, "TAKEOUT_REQUIRED")


RULES = {
    functions.account.InitTakeoutSessionRequest: begin,
    functions.account.FinishTakeoutSessionRequest: finish,
    functions.messages.GetSplitRangesRequest: get_split_ranges,
}
