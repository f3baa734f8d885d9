"""Nobody gets at the page but by its link: each wall alone refuses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.web.access import Address
from bot.web.server import serving
from data.errors import UserError
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.page_client import Client, opened
from tests.paper_house import PaperHouse, paper_house

PAGES = ("/", "/inbox/changes", "/stream", "/state", "/static/page.css", "/nowhere")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PaperHouse:
    return paper_house(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def client(house: PaperHouse) -> Iterator[Client]:
    with opened(house) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("cookie", [None, "", "doppelgram=1", "wrong"])
def test_without_the_cookie_nothing_is_shown(client: Client, path: str, cookie: str | None) -> None:
    name = client.headers["cookie"].split("=")[0]
    answer = client.get(path, cookie=f"{name}=no" if cookie == "wrong" else cookie)
    assert answer.status == 403
    assert b"Juno" not in answer.body


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "192.168.1.5:{port}", ""]
)
def test_a_name_that_was_made_to_point_here_is_refused_even_with_the_cookie(
    client: Client, path: str, host: str
) -> None:
    assert client.get(path, host=host.format(port=client.port)).status == 403


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_every_name_of_this_machine_itself_is_ours(client: Client, host: str) -> None:
    assert client.get("/", host=host.format(port=client.port)).status == 200


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://localhost:{port}"],
)
def test_a_decision_that_comes_from_another_site_is_refused(
    house: PaperHouse, client: Client, origin: str | None
) -> None:
    number = house.waiting()[0]
    refused = client.post(f"/inbox/{number}/2/approve", origin=origin and origin.format(port=client.port))
    assert refused.status == 403
    assert number in house.waiting()


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_decision_without_the_pages_own_token_is_refused(
    house: PaperHouse, client: Client, token: str | None
) -> None:
    number = house.waiting()[0]
    assert client.post(f"/inbox/{number}/2/approve", x_csrf=token).status == 403
    assert client.post("/state/pause", x_csrf=token).status == 403
    assert number in house.waiting()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["/", "/inbox/changes", "/stream", "/state", "/enter", "/static/page.css"])
def test_a_method_that_an_address_does_not_have_is_refused(client: Client, method: str, path: str) -> None:
    assert client.ask(method, path).status == 405


@pytest.mark.parametrize("deed", ["pause", "resume", "grant", "revoke", "limits"])
def test_what_is_done_in_a_chat_needs_the_pages_own_token_and_origin_too(client: Client, deed: str) -> None:
    for missing in ({"x_csrf": None}, {"origin": "http://evil.example"}, {"cookie": None}):
        assert client.post(f"/chats/{JUNO}/{deed}", **missing).status == 403
    assert client.get(f"/chats/{JUNO}/{deed}").status == 405


def test_nothing_is_decided_by_looking(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    assert client.get(f"/inbox/{number}/2/approve").status == 405
    assert client.get("/state/pause").status == 405


@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?other=1"])
def test_a_link_with_a_wrong_token_gives_no_cookie(client: Client, token: str) -> None:
    answer = client.get(f"/enter{token}", cookie=None)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(client: Client) -> None:
    link = client.page.link.partition(str(client.port))[2]
    cookie = client.get(link, cookie=None).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("path", [*PAGES, "/enter"])
def test_every_answer_forbids_what_the_page_does_not_need(client: Client, path: str) -> None:
    if path == "/stream":
        with client.listening() as stream:
            head = stream.recv(4096).decode().lower()
    else:
        head = "\n".join(f"{name}: {value}" for name, value in client.get(path).headers.items()).lower()
    policy = re.search(r"content-security-policy: (.*)", head)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "form-action 'none'" in policy[1], "no words in an address before the script is there, or without it"
    assert "http" not in policy[1]
    for needed in ("nosniff", "no-referrer", "no-store", "frame-ancestors 'none'"):
        assert needed in head
    assert "uvicorn" not in head


def test_a_form_of_any_size_does_not_fill_the_memory(client: Client) -> None:
    assert client.post("/inbox/1/1/edit", ("text", "x" * 70_000)).status == 413


def test_each_page_has_secrets_of_its_own(house: PaperHouse, client: Client) -> None:
    with opened(house) as other:
        assert other.get("/", cookie=client.headers["cookie"]).status == 403
        assert client.headers["x-csrf"] != other.headers["x-csrf"]


def test_a_port_that_is_taken_is_said_in_a_sentence(house: PaperHouse, client: Client, tmp_path: Path) -> None:
    other = paper_house(tmp_path, port=client.port, people=1)
    with pytest.raises(UserError, match=f"port {client.port}"), serving(other.settings, other.home):
        pass


def test_where_the_owner_lets_others_in_a_made_up_name_is_still_refused() -> None:
    everywhere = Address("0.0.0.0", 8760)
    assert not everywhere.local
    assert everywhere.answers_to("192.168.1.5:8760")
    assert not everywhere.answers_to("evil.example:8760")
    assert Address("127.0.0.1", 8760).local
