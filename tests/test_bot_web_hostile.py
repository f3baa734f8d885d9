"""Two hundred hostile texts as names, messages and suggestions: on every page they are text and nothing else."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from bot.web.office import plain
from bot.web.server import Page, serving
from tests.hostile import FIRST, PAYLOADS, hostile_house
from tests.page_client import Client
from tests.paper_house import PaperHouse, recorded


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PaperHouse:
    return hostile_house(tmp_path_factory.mktemp("hostile"))


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


def test_a_chat_and_how_its_consent_was_given_have_the_same_tags_whatever_the_words_are(client: Client) -> None:
    expected = Seen(client.get(f"/chats/{FIRST}").text).tags
    for number, text in enumerate(PAYLOADS):
        assert Seen(client.get(f"/chats/{FIRST + number}").text).tags == expected, text


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
