"""The rooms of the page in a real browser, at the size of a phone and of a desk: every action, without a complaint of
the browser's, without a request to anybody else, and so that everybody can use it."""

from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bot.curve import Curve, Point
from bot.limits import Limits
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.silence import pause
from bot.web.server import serving
from sandbox.stage import FIRST_CONTACT as JUNO
from tests import screenshots
from tests.chromium import CHROMIUM, DESK, INSTALL, PHONE, SIZES, Look, Window, window
from tests.hostile import FIRST, PAYLOADS, hostile_house
from tests.paper_house import PaperHouse, furnish, paper_house, recorded
from tests.paper_report import paper_report

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]
ROOMS = ("/", "/chats", "/twin", "/training", "/report", "/game", "/game/friend", "/log")


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone-dark", "desk-light"])
def test_every_room_can_be_used_by_everybody(house: PaperHouse, look: Look, size: tuple[int, int], scheme: str) -> None:
    furnish(house)
    with look(size, color_scheme=scheme) as seen:
        for room in ROOMS:
            seen.go(room)
            if "game" in room:
                seen.page.locator(".pair button").first.wait_for()
            assert seen.findings() == [], room
            wide = seen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size[0], f"{room} is wider than the screen"


def test_pause_is_one_press_away_and_every_open_page_shows_it(look: Look) -> None:
    with look() as one, look(SIZES[0]) as other:
        one.page.get_by_role("button", name="Pause").click()
        expect(one.page.locator("#state")).to_contain_text("Paused")
        expect(other.page.locator("#state")).to_contain_text("Paused")
        other.page.get_by_role("button", name="Resume").click()
        expect(one.page.locator("#state")).not_to_contain_text("Paused")


def _choose_by_keys(page: Page, name: str, key: str) -> None:
    """With arrows and a last key, and no page in between is opened."""
    chosen, opened = page.locator("#as"), page.url
    chosen.focus()
    for _ in range(20):
        if chosen.evaluate("e => e.selectedOptions[0].text") == name:
            break
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(150)
        assert page.url == opened
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != opened)


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_every_other_room_does_by_hand_and_key_what_it_is_for(
    house: PaperHouse, look: Look, size: tuple[int, int]
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
        if size == PHONE:
            page.locator("#as").select_option(label="Rafi Amadi")
        else:
            _choose_by_keys(page, "Teo Brandt", "Tab")
            _choose_by_keys(page, "Rafi Amadi", "Enter")
        expect(page.locator("#talk")).to_contain_text("the poster can be done by monday")
        page.wait_for_load_state()
        page.get_by_label("What Rafi Amadi would write").fill("guess who")
        page.keyboard.press("Enter")
        expect(page.locator(".candidate")).to_have_count(1)
        page.get_by_role("button", name="Others").click()
        expect(page.locator(".candidate").first).to_contain_text("slowly")
        page.get_by_role("button", name="Say this").click()
        expect(page.locator(".candidate")).to_have_count(0)
        assert seen.findings() == []
        page.get_by_role("button", name="Begin anew").click()
        expect(page.locator("#talk")).not_to_contain_text("guess who")
        visit("Which is me?")
        page.locator(".pair button").first.click()
        expect(page.locator("#score")).to_contain_text("of 1 right")
        assert seen.findings() == []
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


def test_the_curve_grows_while_it_is_looked_at_and_a_refused_start_says_why(house: PaperHouse, look: Look) -> None:
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


def test_a_training_that_ends_is_seen_to_end_though_its_process_outlives_its_last_line(
    house: PaperHouse, look: Look
) -> None:
    with look() as seen:
        seen.go("/training")
        with house.home.holding_training("train"):
            with Curve.of(house.home).drawing("2026-11-28-1") as draw:
                for step in range(1, 3):
                    draw(Point(step, 5.0 - step, step / 10, 100.0, float(step)))
                expect(seen.page.get_by_role("button", name="Stop")).to_be_visible()
            seen.page.wait_for_timeout(700)  # a look that finds the last line, and the process still there
            expect(seen.page.get_by_role("button", name="Stop")).to_be_visible()
        expect(seen.page.get_by_role("button", name="Train")).to_be_visible()


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


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_consent_limits_and_a_pause_of_one_chat_are_set_by_hand_on_a_phone_and_by_key_on_a_desk(
    house: PaperHouse, look: Look, size: tuple[int, int]
) -> None:
    with look(size, has_touch=size == PHONE) as seen:
        page = seen.page
        page.on("dialog", lambda dialog: dialog.accept())

        def press(name: str) -> None:
            button = juno.get_by_role("button", name=name, exact=True)
            if size == PHONE:
                button.tap()
            else:
                button.press("Enter")

        seen.go("/chats")
        page.wait_for_load_state("networkidle")
        juno = page.locator(".row.chat", has_text="Juno Castellan")
        press("Pause")
        expect(juno).to_contain_text("until you resume")
        press("Resume as ask")
        expect(juno.get_by_role("button", name="ask", exact=True)).to_have_attribute("aria-pressed", "true")
        page.wait_for_load_state("networkidle")  # the list is redrawn for what was just done
        press("Consent and limits")
        juno.get_by_label("An hour").fill("nine")
        press("Keep")
        expect(juno.get_by_role("alert")).to_contain_text("whole numbers")
        expect(juno.get_by_label("An hour")).to_have_value("nine")
        juno.get_by_label("An hour").fill("9")
        juno.get_by_label("Quiet hours").fill("22:00-08:00")
        press("Keep")
        expect(juno.get_by_role("status")).to_have_text("Kept.")
        assert seen.findings() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        press("Revoke")
        expect(juno).to_contain_text("Revoked, and off")
        juno.get_by_label("The whole chat").check()
        juno.get_by_label("How they agreed").fill("over lunch")
        press("Record")
        expect(juno).to_contain_text("over lunch")
        assert seen.findings() == []
    with closing(LiveDb(house.home.live)) as live:
        assert Limits.of(live, JUNO) == Limits(9, None, "22:00-08:00")
        assert Policy(live, house.settings.live).mode(JUNO, house.now) is Mode.OFF


def test_a_chat_that_another_surface_changed_is_drawn_anew_but_not_under_a_hand(house: PaperHouse, look: Look) -> None:
    with look() as seen:
        seen.go("/chats")
        juno, teo = (seen.page.locator(".row.chat", has_text=name) for name in ("Juno", "Teo"))
        with closing(LiveDb(house.home.live)) as live:
            pause(live, JUNO, house.now)
            expect(juno).to_contain_text("until you resume")
            teo.get_by_role("button", name="Consent and limits").click()
            teo.get_by_label("A day").fill("12")
            pause(live, JUNO + 1, house.now)
        seen.page.wait_for_timeout(500)
        expect(teo.get_by_label("A day")).to_have_value("12")


def test_a_list_that_was_on_its_way_does_not_take_away_what_a_hand_opened_meanwhile(
    house: PaperHouse, look: Look
) -> None:
    with look() as seen:
        held: list[Route] = []
        seen.page.route("**/chats/rows", lambda route: held.append(route))
        seen.go("/chats")
        juno, teo = (seen.page.locator(".row.chat", has_text=name) for name in ("Juno", "Teo"))
        with seen.page.expect_request("**/chats/rows"), closing(LiveDb(house.home.live)) as live:
            pause(live, JUNO, house.now)
        teo.get_by_role("button", name="Consent and limits").click()
        teo.get_by_label("A day").fill("12")
        with seen.page.expect_response("**/chats/rows"):
            held.pop().continue_()
        seen.page.unroute("**/chats/rows")
        seen.page.wait_for_timeout(700)  # time for it to be drawn, and for another try
        expect(teo.get_by_label("A day")).to_have_value("12")
        expect(juno).not_to_contain_text("until you resume")
        teo.get_by_role("button", name="Consent and limits").click()
        expect(juno).to_contain_text("until you resume")


def test_hostile_names_and_messages_run_nothing_ask_for_nothing_and_hide_nothing(
    chromium: Browser, tmp_path: Path
) -> None:
    house = hostile_house(tmp_path)
    model = recorded(*((text,) for text in PAYLOADS))
    with serving(house.settings, house.home, model) as page, window(chromium, page.link) as seen:
        for path in ("/", "/chats", "/log", f"/twin/{FIRST + 30}"):
            seen.go(path)
            assert seen.page.evaluate("window.harmed") is None, path
            assert seen.page.locator("main").is_visible()
        seen.go("/")
        for _ in range(4):  # the next fifties come up through the stream
            seen.page.evaluate(ALL_SKIPPED)
            seen.page.wait_for_timeout(600)
        assert seen.page.evaluate("window.harmed") is None
        expect(seen.page.locator("#state")).not_to_contain_text("Paused")
    assert seen.strangers == []
    assert seen.complaints == []


ALL_SKIPPED: Any = (
    "() => document.querySelectorAll('#cards > .card').forEach(card =>"
    " htmx.ajax('POST', card.querySelector('[data-key=s]').getAttribute('hx-post'),"
    " {source: card.querySelector('[data-key=s]'), target: '#' + card.id, swap: 'outerHTML'}))"
)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone-dark", "desk-light"])
def test_the_report_fits_every_screen_begins_with_three_sentences_and_prints(
    chromium: Browser, tmp_path: Path, size: tuple[int, int], scheme: Literal["dark", "light"]
) -> None:
    place = tmp_path / "report.html"
    place.write_text(paper_report(), encoding="utf-8")
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    try:
        seen = Window(context.new_page(), place.as_uri())
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.goto(place.as_uri())
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"dark": "rgb(20, 23, 26)", "light": "rgb(251, 250, 247)"}[scheme]
        assert seen.page.locator("main > section").first.locator("p").count() == 3
        pictures = seen.page.locator(".card svg").count()
        assert pictures == 6, "two gauges, bars, the curve, the distributions, the distances"
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        wide = "e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth"
        all_of_it = f"[...document.querySelectorAll('main *:not(svg, svg *)')].filter({wide})"
        assert seen.page.evaluate(f"{all_of_it}.map(e => e.tagName + e.className)") == [], "nothing scrolls sideways"
        smallest = "[...document.querySelectorAll('svg text')].map(e => e.getBoundingClientRect().height)"
        assert min(seen.page.evaluate(smallest)) > 8, "letters in pictures can be read"
        assert seen.findings() == []
        assert seen.page.pdf(format="A4").count(b"/Type /Page\n") > 1
        assert seen.complaints == []
    finally:
        context.close()
