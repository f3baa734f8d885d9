"""Blocking somebody: nothing can be written to who has blocked one, nor to whom one has blocked."""

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.refusal import bad


def block(call: Call, request: functions.contacts.BlockRequest) -> bool:
    """Write somebody onto the own list."""
    call.town.accounts[call.me].blocked.add(call.peer(request.id))
    return True


def unblock(call: Call, request: functions.contacts.UnblockRequest) -> bool:
    """Take somebody off it."""
    call.town.accounts[call.me].blocked.discard(call.peer(request.id))
    return True


def get_blocked(call: Call, _request: functions.contacts.GetBlockedRequest) -> types.contacts.Blocked:
    """The list."""
    them = sorted(call.town.accounts[call.me].blocked)
    rows = [types.PeerBlocked(call.view.peer(each), call.town.clock.now()) for each in them]
    return types.contacts.Blocked(blocked=rows, **call.view.cast(them))


def check(call: Call, peer: int) -> None:
    """Raises Refusal between two of whom one has blocked the other."""
    if call.me in call.town.accounts[peer].blocked:
        raise bad("USER_IS_BLOCKED")
    if peer in call.town.accounts[call.me].blocked:
        raise bad("YOU_BLOCKED_USER")


RULES = {
    functions.contacts.BlockRequest: block,
    functions.contacts.UnblockRequest: unblock,
    functions.contacts.GetBlockedRequest: get_blocked,
}
