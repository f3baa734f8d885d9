"""The account itself: being online, its other logins, its notification settings."""

from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.call import Call
from sandbox.refusal import bad
from sandbox.session import Login


def update_status(call: Call, request: functions.account.UpdateStatusRequest) -> bool:
    """Say that one is here, or gone."""
    acts.online(call.sandbox, call.me, here=not request.offline, via=call.session)
    return True


def get_authorizations(
    call: Call, _request: functions.account.GetAuthorizationsRequest
) -> types.account.Authorizations:
    """Every login of the account; one's own has hash 0."""
    rows = [_row(call, login) for login in _logins(call)]
    return types.account.Authorizations(authorization_ttl_days=180, authorizations=rows)


def reset_authorization(call: Call, request: functions.account.ResetAuthorizationRequest) -> bool:
    """End another login of the account."""
    login = next((x for x in _logins(call) if x is not call.login and _hash(x) == request.hash), None)
    if login is None:
        raise bad("HASH_INVALID")
    login.account_id = None
    return True


def get_notify_settings(_call: Call, _request: functions.account.GetNotifySettingsRequest) -> Any:
    """Nothing is muted."""
    return types.PeerNotifySettings()


def _logins(call: Call) -> list[Login]:
    return [login for login in call.sandbox.logins.values() if login.account_id == call.me]


def _hash(login: Login) -> int:
    return login.number >> 1


def _row(call: Call, login: Login) -> types.Authorization:
    current = login is call.login
    return types.Authorization(
        hash=0 if current else _hash(login),
        current=current,
        device_model=login.device,
        platform="",
        system_version="",
        api_id=call.town.api_id,
        app_name="",
        app_version="",
        date_created=login.created,
        date_active=call.town.clock.now(),
        ip="127.0.0.1",
        country="",
        region="",
    )


RULES = {
    functions.account.UpdateStatusRequest: update_status,
    functions.account.GetAuthorizationsRequest: get_authorizations,
    functions.account.ResetAuthorizationRequest: reset_authorization,
    functions.account.GetNotifySettingsRequest: get_notify_settings,
}
