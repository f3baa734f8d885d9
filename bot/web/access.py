"""Who may ask the page for anything: whoever came by the link of this very process, from this very page.

Four walls, each enough against another kind of stranger: the Host header (a name that was made to point here), a cookie
that only the link gives (another user of this machine), Origin (another site in the same browser), and a token in a
header (a form that another site sends). What is refused learns nothing, not even which program answers.
"""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENTER = "/enter"
SAFE = ("GET", "HEAD")
LOCAL = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from anywhere else, no page around this one. And no form that the browser sends by
itself, before our script is there or without it: its words would stand in the address."""
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
REFUSED = "Not here. Use the link that doppelgram printed when it started.\n"
WELCOME = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<link rel="icon" href="data:,"><title>doppelgram</title>'
)
"""A redirect would still count as the visit of whoever linked here, and a strict cookie is not sent with that."""


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one process; they end with it."""

    token: str = field(default_factory=_secret, repr=False)
    """In the link."""
    cookie: str = field(default_factory=_secret, repr=False)
    csrf: str = field(default_factory=_secret, repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page listens, and by which names it may be asked."""

    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or (_is_number(self.host) and ipaddress.ip_address(self.host).is_loopback)

    def link(self, token: str) -> str:
        """What the owner opens."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{ENTER}?token={token}"

    def answers_to(self, asked: str) -> bool:
        """Whether a Host header means us. Where the page is told to be reached from elsewhere, any number does: a
        foreign page that was made to point here would have its name in it."""
        name, _, port = asked.rpartition(":")
        if port != str(self.port):
            return False
        return name in (*LOCAL, self.host) or (not self.local and _is_number(name.strip("[]")))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Access:
    """The walls, around the whole application."""

    app: ASGIApp
    keys: Keys
    address: Address

    @property
    def cookie_name(self) -> str:
        """Cookies of one host are shared by all its ports."""
        return f"doppelgram_{self.address.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    sent.setdefault(name, value)
            await send(message)

        answer = self._answer(scope, headers)
        await (answer or self.app)(scope, receive, guarded)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """What is said instead of the page; None where it may be seen."""
        if not self.address.answers_to(headers.get("host", "")):
            return _refused()
        if scope["path"] == ENTER:
            return self._enter(scope)
        if not _same(cookie_parser(headers.get("cookie", "")).get(self.cookie_name, ""), self.keys.cookie):
            return _refused()
        if scope["method"] in SAFE:
            return None
        from_here = headers.get("origin") == f"http://{headers['host']}"
        return None if from_here and _same(headers.get("x-csrf", ""), self.keys.csrf) else _refused()

    def _enter(self, scope: Scope) -> Response:
        if scope["method"] not in SAFE:
            return PlainTextResponse("", 405, {"allow": ", ".join(SAFE)})
        given = parse_qs(scope["query_string"].decode("ascii", "replace")).get("token", [""])[0]
        if not _same(given, self.keys.token):
            return _refused()
        welcome = HTMLResponse(WELCOME)
        welcome.set_cookie(self.cookie_name, self.keys.cookie, path="/", httponly=True, samesite="strict")
        return welcome


def _refused() -> Response:
    return PlainTextResponse(REFUSED, 403)


def _same(given: str, expected: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(given.encode(), expected.encode())
