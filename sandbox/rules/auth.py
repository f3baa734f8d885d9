"""Logging in and out: by code, by password, by QR token. core.telegram.org/api/auth, /srp and /qr-login."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from telethon.tl import functions, types

from sandbox import acts
from sandbox.box import Post
from sandbox.call import Call
from sandbox.codes import DIGITS, Code
from sandbox.people import SERVICE, Account
from sandbox.refusal import Refusal, bad
from sandbox.srp import challenge
from sandbox.view import View


def send_code(call: Call, request: functions.auth.SendCodeRequest) -> types.auth.SentCode:
    """Make a code; the service account brings it to the account's other logins."""
    check_application(call, request)
    phone = "".join(c for c in request.phone_number if c.isdigit())
    if len(phone) < 7:
        raise Refusal(406, "PHONE_NUMBER_INVALID")
    return _new_code(call, phone)


def resend_code(call: Call, request: functions.auth.ResendCodeRequest) -> types.auth.SentCode:
    """Make another code: the first one no longer counts."""
    code = _code(call, request)
    return _new_code(call, code.phone)


def cancel_code(call: Call, request: functions.auth.CancelCodeRequest) -> bool:
    """Forget the code."""
    del call.sandbox.codes[_code(call, request).phone]
    return True


def sign_in(call: Call, request: functions.auth.SignInRequest) -> Any:
    """Show the code. Refused with SESSION_PASSWORD_NEEDED when the account has a password besides."""
    code = _code(call, request)
    if code.expired(call.town.clock.now()):
        raise bad("PHONE_CODE_EXPIRED")
    if not request.phone_code:
        raise bad("PHONE_CODE_EMPTY")
    if request.phone_code != code.digits:
        raise bad("PHONE_CODE_INVALID")
    account = call.town.by_phone(code.phone)
    if account is None:
        return types.auth.AuthorizationSignUpRequired()
    code.used = True
    return _enter(call, account)


def check_password(call: Call, request: functions.auth.CheckPasswordRequest) -> types.auth.Authorization:
    """Show that one knows the password."""
    login, given = call.login, request.password
    if login.half is None:
        raise Refusal(401, "AUTH_KEY_UNREGISTERED")
    if login.challenge is None or not isinstance(given, types.InputCheckPasswordSRP):
        raise bad("SRP_ID_INVALID")
    if given.srp_id != login.challenge.id:
        raise bad("SRP_ID_INVALID")
    if not login.challenge.accepts(given.A, given.M1):
        login.challenge = None
        raise bad("PASSWORD_HASH_INVALID")
    return admit(call, call.town.accounts[login.half])


def get_password(call: Call, _request: functions.account.GetPasswordRequest) -> types.account.Password:
    """The parameters of a password check, for somebody half logged in or logged in."""
    who = call.login.account_id or call.login.half
    if who is None:
        raise Refusal(401, "AUTH_KEY_UNREGISTERED")
    account = call.town.accounts[who]
    offered = challenge(who, account.password or "")
    answer = types.account.Password(
        new_algo=offered.algorithm,
        new_secure_algo=types.SecurePasswordKdfAlgoUnknown(),
        secure_random=os.urandom(32),
        has_password=account.password is not None,
    )
    if account.password is not None:
        call.login.challenge = offered
        answer.current_algo, answer.srp_id = offered.algorithm, offered.id
        answer.srp_B = offered.public.to_bytes(256, "big")
    return answer


def log_out(call: Call, _request: functions.auth.LogOutRequest) -> types.auth.LoggedOut:
    """End this login. The key stays, but is nobody's."""
    acts.note(call.sandbox, "logout", call.me, None, call.session)
    call.login.account_id = None
    return types.auth.LoggedOut()


def export_token(call: Call, request: functions.auth.ExportLoginTokenRequest) -> Any:
    """Show a QR code, or, once it was scanned, enter. Its expiry is real time: clients compare it with their own."""
    check_application(call, request)
    return _token(call)


def import_token(call: Call, request: functions.auth.ImportLoginTokenRequest) -> Any:
    """What a client does after it was sent to another data centre; here there is but one."""
    if request.token != call.login.token:
        raise bad("AUTH_TOKEN_INVALIDX")
    return _token(call)


def accept_token(call: Call, request: functions.auth.AcceptLoginTokenRequest) -> types.Authorization:
    """Scan somebody's QR code with a device that is logged in."""
    login = call.sandbox.accept_token(request.token, call.me)
    now = call.town.clock.now()
    return types.Authorization(
        hash=login.number >> 1,
        device_model=login.device,
        platform="",
        system_version="",
        api_id=call.town.api_id,
        app_name="",
        app_version="",
        date_created=now,
        date_active=now,
        ip="127.0.0.1",
        country="",
        region="",
    )


def _token(call: Call) -> Any:
    login = call.login
    if login.accepted is not None:
        return types.auth.LoginTokenSuccess(_enter(call, call.town.accounts[login.accepted]))
    login.token, login.token_at = os.urandom(32), call.town.clock.now()
    expires = datetime.fromtimestamp(time.time() + call.sandbox.limits.qr_life, UTC)
    return types.auth.LoginToken(expires=expires, token=login.token)


def check_application(call: Call, request: Any) -> None:
    """Raises Refusal for an application that the town does not know."""
    if (request.api_id, request.api_hash) != (call.town.api_id, call.town.api_hash):
        raise bad("API_ID_INVALID")


def _new_code(call: Call, phone: str) -> types.auth.SentCode:
    digits = "".join(call.town.random.choice("0123456789") for _ in range(DIGITS))
    code = Code(phone, digits, os.urandom(8).hex(), call.town.clock.now())
    call.sandbox.codes[phone] = code
    account = call.town.by_phone(phone)
    if account is not None:
        acts.send(call.sandbox, Post(SERVICE, account.id, code.sent_at, code.message))
    return types.auth.SentCode(types.auth.SentCodeTypeApp(DIGITS), phone_code_hash=code.hash, timeout=120)


def _code(call: Call, request: Any) -> Code:
    phone = "".join(c for c in request.phone_number if c.isdigit())
    code = call.sandbox.codes.get(phone)
    if code is None or code.used or code.hash != request.phone_code_hash:
        raise bad("PHONE_CODE_EXPIRED")
    return code


def _enter(call: Call, account: Account) -> types.auth.Authorization:
    if account.password is not None:
        call.login.half = account.id
        raise Refusal(401, "SESSION_PASSWORD_NEEDED")
    return admit(call, account)


def admit(call: Call, account: Account) -> types.auth.Authorization:
    """Let somebody in with this login."""
    login = call.login
    login.account_id, login.created = account.id, call.town.clock.now()
    login.half = login.accepted = login.token = login.challenge = None
    acts.note(call.sandbox, "login", account.id, None, call.session)
    return types.auth.Authorization(View(call.town, account.id).user(account.id))


RULES = {
    functions.auth.SendCodeRequest: send_code,
    functions.auth.ResendCodeRequest: resend_code,
    functions.auth.CancelCodeRequest: cancel_code,
    functions.auth.SignInRequest: sign_in,
    functions.auth.CheckPasswordRequest: check_password,
    functions.account.GetPasswordRequest: get_password,
    functions.auth.LogOutRequest: log_out,
    functions.auth.ExportLoginTokenRequest: export_token,
    functions.auth.ImportLoginTokenRequest: import_token,
    functions.auth.AcceptLoginTokenRequest: accept_token,
}

OPEN = frozenset(RULES) - {functions.auth.LogOutRequest, functions.auth.AcceptLoginTokenRequest}
"""What may be asked without being logged in."""
