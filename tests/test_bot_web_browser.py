"""The page in a real browser, at the size of a phone and of a desk: every room and every action, without a complaint of
the browser's, without a request to anybody else, and so that everybody can use it."""

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, expect

from bot.curve import Curve, Point
from bot.suggestion import State
from bot.web.server import Page, serving
from sandbox.stage import FIRST_CONTACT as JUNO
from tests import screenshots
from tests.chromium import CHROMIUM, DESK, INSTALL, PHONE, SIZES, Window, browser, window
from tests.paper_house import PaperHouse, furnish, paper_house, recorded

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ROOMS = ("/", "/chats", "/twin", "/training", "/report", "/game", "/game/friend", "/log")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path)


@pytest.fixture
def page(house: PaperHouse) -> Iterator[Page]:
    with serving(house.settings, house.home, recorded()) as open_page:
        yield open_page


@pytest.fixture
def look(chromium: Browser, page: Page) -> Iterator[Callable[..., Any]]:
    """Opens windows, each of which must have stayed quiet and at home."""
    opened: list[Window] = []

    def more(size: tuple[int, int] = DESK, **options: Any) -> Any:
        return _noted(window(chromium, page.link, size, **options), opened)

    yield more
    assert [each.complaints for each in opened if each.complaints] == []
    assert [each.strangers for each in opened if each.strangers] == []


class _noted:
    def __init__(self, inner: Any, opened: list[Window]) -> None:
        self._inner, self._opened = inner, opened

    def __enter__(self) -> Window:
        entered: Window = self._inner.__enter__()
        self._opened.append(entered)
        return entered

    def __exit__(self, *ending: Any) -> None:
        self._inner.__exit__(*ending)


def findings(seen: Window) -> list[str]:
    """What axe-core finds serious or critical."""
    seen.page.evaluate(AXE)
    found = seen.page.evaluate("axe.run()")["violations"]
    return [
        f"{each['id']}: {node['target']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone-dark", "desk-light"])
def test_every_room_can_be_used_by_everybody(
    house: PaperHouse, look: Callable[..., Any], size: tuple[int, int], scheme: str
) -> None:
    furnish(house)
    with look(size, color_scheme=scheme) as seen:
        for room in ROOMS:
            seen.go(room)
            if "game" in room:
                seen.page.locator(".pair button").first.wait_for()
            assert findings(seen) == [], room
            wide = seen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size[0], f"{room} is wider than the screen"


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_each_decision_is_made_by_hand(house: PaperHouse, look: Callable[..., Any], size: tuple[int, int]) -> None:
    approved, edited, another, skipped = house.waiting()[:4]
    with look(size) as seen:

        def press(number: int, name: str) -> None:
            seen.page.wait_for_timeout(450)  # as long as a press right after a decision does not count
            seen.page.locator(f"#s{number}").get_by_role("button", name=name, exact=True).click()

        press(approved, "Approve")
        expect(seen.page.locator(f"#s{approved}")).to_contain_text("Approved on this page")
        press(edited, "Edit")
        assert findings(seen) == []
        seen.page.locator(f"#s{edited} textarea").first.fill("mine, not yours")
        press(edited, "Send mine")
        expect(seen.page.locator(f"#s{edited}")).to_contain_text("Edited on this page")
        press(another, "Another")
        expect(seen.page.locator(f"#s{another}")).to_contain_text("Asked for another one")
        press(skipped, "Skip")
        expect(seen.page.locator(f"#s{skipped}")).to_contain_text("Skipped on this page")
        expect(seen.page.locator("#count")).to_contain_text("1")
    states = [house.suggestion(each).state for each in (approved, edited, another, skipped)]
    assert states == [State.APPROVED, State.EDITED, State.SUPERSEDED, State.SKIPPED]
    assert (house.suggestion(edited).final or ())[0] == "mine, not yours"


def test_each_decision_is_made_by_key(house: PaperHouse, look: Callable[..., Any]) -> None:
    first, second, third, fourth, fifth = house.waiting()
    with look() as seen:

        def tap(key: str) -> None:
            seen.page.wait_for_timeout(450)
            seen.page.keyboard.press(key)

        def press(key: str, number: int, told: str) -> None:
            tap(key)
            expect(seen.page.locator(f"#s{number}")).to_contain_text(told)

        tap("j")
        press("a", first, "Approved")
        press("s", second, "Skipped")
        tap("j")
        press("n", fourth, "another")
        tap("k")
        tap("e")
        seen.page.locator(f"#s{third} textarea").first.press("Escape")
        expect(seen.page.locator(f"#s{third} textarea")).to_have_count(0)
        seen.page.keyboard.press("e")
        expect(seen.page.locator(f"#s{third} textarea").first).to_be_focused()
        seen.page.keyboard.type(" indeed")
        seen.page.keyboard.press("Control+Enter")
        expect(seen.page.locator(f"#s{third}")).to_contain_text("Edited")
        expect(seen.page.locator(f"#s{fifth}.current")).to_have_count(1)
    assert "indeed" in (house.suggestion(third).final or ("",))[0]


def test_a_second_press_of_the_same_finger_decides_on_nothing_else(house: PaperHouse, look: Callable[..., Any]) -> None:
    first, second = house.waiting()[:2]
    with look() as seen:
        seen.page.locator(f"#s{first}").get_by_role("button", name="Approve").click()
        expect(seen.page.locator(f"#s{first}.line")).to_have_count(1)
        seen.page.evaluate(f"document.querySelector('#s{second} button.go').click()")
        seen.page.wait_for_timeout(300)
    assert house.suggestion(first).state is State.APPROVED
    assert house.suggestion(second).state is State.OFFERED


def test_of_two_open_pages_one_approves_and_the_other_says_so(house: PaperHouse, look: Callable[..., Any]) -> None:
    number = house.waiting()[0]
    with look() as one, look() as other:
        other.page.route("**/inbox/changes*", lambda route: route.abort())  # this one has not heard of it yet
        one.page.locator(f"#s{number}").get_by_role("button", name="Approve").click()
        expect(one.page.locator(f"#s{number}")).to_contain_text("Approved on this page")
        other.page.locator(f"#s{number}").get_by_role("button", name="Skip").click()
        expect(other.page.locator(f"#s{number}")).to_contain_text("Too late: Approved on this page")
        other.complaints.clear()  # of the request that was held back
    assert house.suggestion(number).state is State.APPROVED


def test_what_another_surface_decides_is_seen_at_once_and_a_half_written_edit_stays(
    house: PaperHouse, look: Callable[..., Any]
) -> None:
    first, second = house.waiting()[:2]
    with look() as seen:
        seen.page.locator(f"#s{second}").get_by_role("button", name="Edit").click()
        seen.page.locator(f"#s{second} textarea").first.fill("half of a though")
        house.decide(first, State.SKIPPED, "companion")
        expect(seen.page.locator(f"#s{first}")).to_contain_text("Skipped in the companion bot")
        house.decide(second, State.APPROVED)
        expect(seen.page.locator(f"#s{second} .late")).to_be_visible()
        expect(seen.page.locator(f"#s{second} textarea").first).to_have_value("half of a though")
        seen.page.locator(f"#s{second}").get_by_role("button", name="Back").click()
        expect(seen.page.locator(f"#s{second}")).to_contain_text("Approved in the terminal")


def test_an_offered_suggestion_appears_on_the_open_page(house: PaperHouse, look: Callable[..., Any]) -> None:
    took = []
    with look() as seen:
        expect(seen.page.locator("#cards > .card")).to_have_count(5)
        seen.page.evaluate(
            "new MutationObserver(() => window.seenAt = Date.now())"
            ".observe(document.getElementById('cards'), {childList: true})"
        )
        for n in range(15):
            number = house.offer(JUNO, f"and {n}?", "maybe")
            changed = house.changed_at(number)
            seen.page.locator(f"#s{number}").wait_for()
            took.append(seen.page.evaluate("window.seenAt") / 1000 - changed)
    sys.stdout.write(f"median {statistics.median(took) * 1000:.0f} ms of {len(took)}, longest {max(took) * 1000:.0f}\n")
    assert statistics.median(took) < 3


def test_of_a_thousand_waiting_fifty_are_in_the_page(house: PaperHouse, look: Callable[..., Any]) -> None:
    house.offer_many(JUNO, 1000)
    with look() as seen:
        expect(seen.page.locator("#cards > article")).to_have_count(50)
        first = house.waiting()[0]
        seen.page.locator(f"#s{first}").get_by_role("button", name="Skip").click()
        expect(seen.page.locator(f"#s{first}.line")).to_have_count(1)
        house.offer(JUNO, "one more", "yes")
        seen.page.wait_for_timeout(300)
        assert seen.page.locator("#cards > article").count() <= 50


def test_pause_is_one_press_away_and_every_open_page_shows_it(look: Callable[..., Any]) -> None:
    with look() as one, look(SIZES[0]) as other:
        one.page.get_by_role("button", name="Pause").click()
        expect(one.page.locator("#state")).to_contain_text("Paused")
        expect(other.page.locator("#state")).to_contain_text("Paused")
        other.page.get_by_role("button", name="Resume").click()
        expect(one.page.locator("#state")).not_to_contain_text("Paused")


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_every_other_room_does_by_hand_and_key_what_it_is_for(
    house: PaperHouse, look: Callable[..., Any], size: tuple[int, int]
) -> None:
    furnish(house)
    with look(size) as seen:
        page = seen.page

        def visit(room: str) -> None:
            page.get_by_role("link", name=room).click()
            page.wait_for_load_state()

        visit("Chats")
        teo = page.locator(".row.chat", has_text="Teo Brandt")
        teo.get_by_role("button", name="auto").click()
        expect(teo).to_contain_text("has not earned auto")
        teo.get_by_role("button", name="Auto all the same").click()
        expect(teo.get_by_role("button", name="auto", exact=True)).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("/")
        page.keyboard.type("mina")
        expect(page.locator(".row.chat")).to_have_count(1)
        visit("Twin")
        page.locator("#as").select_option(label="Rafi Amadi")
        expect(page.locator("#talk")).to_contain_text("the poster can be done by monday")
        page.wait_for_load_state()
        page.get_by_label("What Rafi Amadi would write").fill("guess who")
        page.keyboard.press("Enter")
        expect(page.locator(".candidate")).to_have_count(1)
        page.get_by_role("button", name="Others").click()
        expect(page.locator(".candidate").first).to_contain_text("slowly")
        page.get_by_role("button", name="Say this").click()
        expect(page.locator(".candidate")).to_have_count(0)
        assert findings(seen) == []
        page.get_by_role("button", name="Begin anew").click()
        expect(page.locator("#talk")).not_to_contain_text("guess who")
        visit("Which is me?")
        page.locator(".pair button").first.click()
        expect(page.locator("#score")).to_contain_text("of 1 right")
        assert findings(seen) == []
        page.keyboard.press("Enter")
        page.locator(".pair button").first.wait_for()
        page.keyboard.press("2")
        expect(page.locator("#score")).to_contain_text("of 2 right")
        visit("Log")
        expect(page.locator(".log li")).to_have_count(50)
        page.get_by_role("button", name="Older ones").click()
        expect(page.locator(".log li")).not_to_have_count(50)
        visit("Report")
        expect(page.frame_locator(".report").locator("h1")).to_have_text("A report")
        visit("Training")
        expect(page.locator(".curve polyline")).to_have_count(2)


def test_the_curve_grows_while_it_is_looked_at_and_a_refused_start_says_why(
    house: PaperHouse, look: Callable[..., Any]
) -> None:
    with look() as seen:
        seen.go("/training")
        with Curve.of(house.home).drawing("2026-11-28-1") as draw:
            for step in range(1, 4):
                draw(Point(step, 5.0 - step, step / 10, 100.0, float(step)))
            expect(seen.page.locator("#curve")).to_contain_text("30 %")
            draw(Point(4, 1.0, 0.4, 100.0, 4.0))
            expect(seen.page.locator("#curve")).to_contain_text("40 %")
        expect(seen.page.locator("#curve")).to_contain_text("Done")
        seen.page.wait_for_timeout(1000)  # the last look at the file
        seen.page.get_by_label("minutes").fill("soon")
        seen.page.get_by_role("button", name="Train").click()
        expect(seen.page.locator("#notes")).to_contain_text("no number of minutes")
        seen.complaints.clear()  # the browser notes each answer that is a refusal


def test_a_page_whose_server_is_gone_says_so(chromium: Browser, house: PaperHouse) -> None:
    with serving(house.settings, house.home) as first, window(chromium, first.link) as seen:
        expect(seen.page.locator("#lost")).to_be_hidden()
        seen.page.context.clear_cookies()  # what a page started anew would not accept
        seen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        seen.page.evaluate("window.dispatchEvent(new Event('pagehide')); window.dispatchEvent(new Event('pageshow'))")
        expect(seen.page.locator("#lost")).to_be_visible()


def test_the_pictures_of_the_readme_are_drawn_from_the_invented_cast_and_small(
    tmp_path: Path, chromium: Browser
) -> None:
    screenshots.draw(tmp_path, chromium)
    readme = (screenshots.DOCS.parent / "README.md").read_text(encoding="utf-8")
    for name in screenshots.NAMES:
        for picture in (tmp_path / name, screenshots.DOCS / name):
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert picture.stat().st_size < 150_000, picture
        assert f"docs/{name}" in readme
