"""Somebody who asks the page over a real socket: with the cookie and the token of its link, or with whatever a test
gives."""

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from bot.web.server import Page, serving
from tests.paper_house import PaperHouse


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """One browser, without a browser."""

    page: Page
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.page.address.port

    def ask(self, method: str, path: str, body: str | None = None, **headers: str | None) -> Answer:
        """One request. A header of None is left out; names are written with underscores."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in (self.headers | own).items() if value is not None}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, *fields: tuple[str, str], **headers: str | None) -> Answer:
        return self.ask("POST", path, urlencode(fields), **headers)

    def enter(self) -> "Client":
        """Open the link, and take what it gives."""
        link = urlsplit(self.page.link)
        welcome = self.get(f"{link.path}?{link.query}")
        assert welcome.status == 200, welcome.text
        self.headers["cookie"] = welcome.headers["set-cookie"].split(";")[0]
        self.headers["origin"] = f"http://127.0.0.1:{self.port}"
        (self.headers["x-csrf"],) = re.findall(r'hx-headers=.{"x-csrf": "([^"]+)"}', self.get("/").text)
        return self

    @contextmanager
    def listening(self) -> Iterator[socket.socket]:
        """An open event stream, as raw bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as stream:
            cookie = self.headers["cookie"]
            stream.sendall(f"GET /stream HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncookie: {cookie}\r\n\r\n".encode())
            yield stream


@contextmanager
def opened(house: PaperHouse) -> Iterator[Client]:
    """The page over a house, and somebody who came by its link."""
    with serving(house.settings, house.home) as page:
        yield Client(page).enter()
