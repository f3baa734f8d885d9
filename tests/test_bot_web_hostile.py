"""Two hundred hostile texts as names, messages and suggestions: on every page they are text and nothing else."""

import re
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from typing import Any

import pytest

from bot.livedb import LiveDb
from bot.web.office import plain
from bot.web.server import Page, serving
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.transcript import Scope
from tests.chromium import CHROMIUM, INSTALL, browser, window
from tests.hostile import PAYLOADS
from tests.page_client import Client
from tests.paper_house import PaperHouse, paper_house, recorded, suggest

FIRST = 500_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PaperHouse:
    """A chat for each text: its name, what was said in it, and what the twin proposes and has written."""
    house = paper_house(tmp_path_factory.mktemp("hostile"), people=0)
    with closing(Archive(house.home.archive)) as archive, closing(LiveDb(house.home.live)) as live, live.transaction():
        for number, text in enumerate(PAYLOADS):
            dialog = Dialog(FIRST + number, Kind.PRIVATE, text, f"user{number}")
            archive.save_dialogs([dialog])
            at = house.now
            Ledger(archive).grant(dialog.id, Scope.CHAT, text, text, at)
            said = [Message(dialog.id, 1, True, at, text), Message(dialog.id, 2, False, at, text)]
            archive.save(said)
            made = suggest(live, said[1], (text, text), 0.5, (text,), at)
            live.db.execute(
                "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at, sent_at)"
                " VALUES (?, 0, ?, ?, ?, 'sent', 0, ?)",
                (made.id, dialog.id, made.id, text, at.timestamp()),
            )
    return house


@pytest.fixture(scope="module")
def page(house: PaperHouse) -> Iterator[Page]:
    with serving(house.settings, house.home, recorded(*((text,) for text in PAYLOADS))) as page:
        yield page


@pytest.fixture(scope="module")
def client(page: Page) -> Client:
    return Client(page).enter()


class Seen(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_there_are_two_hundred_of_them() -> None:
    assert len(set(PAYLOADS)) == 200


def test_a_card_has_the_same_tags_whatever_its_words_are(house: PaperHouse, client: Client) -> None:
    numbers = house.waiting()
    assert len(numbers) == len(PAYLOADS)
    for path in ("/inbox/{}", "/inbox/{}/edit"):
        expected = Seen(client.get(path.format(numbers[-1])).text).tags
        for number, text in zip(numbers, PAYLOADS, strict=True):
            seen = Seen(client.get(path.format(number)).text)
            assert seen.tags == expected, text
            assert str(plain(text)).strip() in "".join(seen.text), text


@pytest.mark.parametrize("path", ["/", "/chats", "/log", "/twin", "/training", "/game"])
def test_no_room_has_a_tag_or_an_attribute_that_its_template_has_not(client: Client, path: str) -> None:
    body = client.get(path).text
    seen = Seen(body)
    tags = {tag for tag, _ in seen.tags}
    assert (
        tags & {"img", "style", "base", "object", "embed", "math", "details", "video", "marquee", "template"} == set()
    )
    assert [names for tag, names in seen.tags if tag == "script"] in ([("defer", "src")] * 2,)
    assert [name for _, names in seen.tags for name in names if name.startswith("on") or name == "style"] == []
    assert "49" not in re.findall(r">(\d+)<", body), "no expression is worked out"


def test_what_is_typed_comes_back_as_text_and_a_search_too(client: Client) -> None:
    expected = None
    for number, text in enumerate(PAYLOADS[::5]):
        if not str(plain(text)).strip() or len(text) > 4000:
            continue
        answer = client.post(f"/twin/{FIRST + number}/say", ("text", text))
        seen = Seen(answer.text)
        tags = {tag for tag, _ in seen.tags}
        expected = expected or tags
        assert tags <= expected | {"p"}, text
        assert str(plain(text)).replace("\r\n", "\n").strip() in "".join(seen.text), text
        assert client.post("/chats/rows", ("search", text)).status == 200


@pytest.mark.system
@pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)
def test_in_a_real_browser_nothing_runs_nothing_is_asked_for_and_nothing_is_hidden(page: Page, client: Client) -> None:
    with browser() as chromium, window(chromium, page.link) as seen:
        for path in ("/", "/chats", "/log", f"/twin/{FIRST + 30}"):
            seen.go(path)
            assert seen.page.evaluate("window.harmed") is None, path
            assert seen.page.locator("main").is_visible()
        seen.go("/")
        for _ in range(4):  # the next fifties come up through the stream
            seen.page.evaluate(ALL_SKIPPED)
            seen.page.wait_for_timeout(600)
        assert seen.page.evaluate("window.harmed") is None
        assert "Paused" not in client.get("/state").text
    assert seen.strangers == []
    assert seen.complaints == []


ALL_SKIPPED: Any = (
    "() => document.querySelectorAll('#cards > .card').forEach(card =>"
    " htmx.ajax('POST', card.querySelector('[data-key=s]').getAttribute('hx-post'),"
    " {source: card.querySelector('[data-key=s]'), target: '#' + card.id, swap: 'outerHTML'}))"
)
