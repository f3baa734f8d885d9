"""Who somebody is."""

from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.refusal import Refusal


def get_users(call: Call, request: functions.users.GetUsersRequest) -> list[Any]:
    """Accounts by id and access hash; an empty user for each that these do not open."""
    return [_user(call, given) for given in request.id]


def _user(call: Call, given: Any) -> Any:
    try:
        return call.view.user(call.user(given))
    except Refusal:
        return types.UserEmpty(given.user_id)


def get_full_user(call: Call, request: functions.users.GetFullUserRequest) -> types.users.UserFull:
    """One account, with what stands on its profile."""
    who = call.user(request.id)
    full = types.UserFull(
        id=who,
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=sum({who, call.me} <= set(chat.members) for chat in call.town.chats.values()),
        about=call.town.accounts[who].about,
        noforwards_my_enabled=who in call.town.accounts[call.me].protects or None,
        noforwards_peer_enabled=call.me in call.town.accounts[who].protects or None,
        bot_info=types.BotInfo(user_id=who) if call.town.accounts[who].bot else None,
    )
    return types.users.UserFull(full, **call.view.cast([who]))


RULES = {
    functions.users.GetUsersRequest: get_users,
    functions.users.GetFullUserRequest: get_full_user,
}
