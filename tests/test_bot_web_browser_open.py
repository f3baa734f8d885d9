"""A page that is left open, in a real browser: each room follows what happens meanwhile, and a server that is gone is
not mistaken for silence."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect

from bot.control import Control
from bot.curve import Curve, Point
from bot.livedb import LiveDb
from bot.suggestion import State
from bot.web.server import Page, serving
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.chromium import CHROMIUM, INSTALL, Look, Window, window
from tests.paper_house import ADAPTER, PaperHouse, furnish, leave_adapter, paper_house

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path)


def test_how_many_wait_is_seen_in_every_room_and_in_the_name_of_the_tab(house: PaperHouse, look: Look) -> None:
    with look() as seen, look() as other:
        for there in (seen, other):
            expect(there.page).to_have_title("(5) Inbox · doppelgram")
        other.go("/chats")
        house.offer(JUNO, "still there?", "always")
        for there, room in ((seen, "Inbox"), (other, "Chats")):
            expect(there.page.locator("#count")).to_contain_text("6")
            expect(there.page).to_have_title(f"(6) {room} · doppelgram")
        for number in house.waiting():
            house.decide(number, State.SKIPPED)
        for there, room in ((seen, "Inbox"), (other, "Chats")):
            expect(there.page).to_have_title(f"{room} · doppelgram")


class Held:
    """The first answer from an address, held back on its way to the page."""

    def __init__(self, seen: Window, address: str) -> None:
        self._seen = seen
        self._held: list[tuple[Route, APIResponse]] = []
        seen.page.route(address, lambda route: self._held.append((route, route.fetch())), times=1)

    def wait(self) -> None:
        """Until the server has given it."""
        while not self._held:
            self._seen.page.wait_for_timeout(20)

    def release(self) -> None:
        route, answer = self._held.pop()
        route.fulfill(response=answer)


def test_what_changes_while_an_answer_is_on_its_way_is_asked_for_afterwards(house: PaperHouse, look: Look) -> None:
    with look() as seen, closing(LiveDb(house.home.live)) as live:
        seen.go("/training")
        seen.page.wait_for_load_state("networkidle")
        held = Held(seen, "**/state")
        Control(live).pause()
        held.wait()
        with seen.page.expect_request("**/state/count"):  # the stream has told of both
            Control(live).resume(house.now)
            house.offer(JUNO, "still there?", "always")
        held.release()
        expect(seen.page.locator("#state button")).to_have_text("Pause")
        held = Held(seen, "**/training/curve")
        with Curve.of(house.home).drawing(ADAPTER) as draw:
            draw(Point(1, 4.0, 0.1, 100.0, 1.0))
            held.wait()
        seen.page.wait_for_timeout(800)  # longer than a look at files takes
        held.release()
        expect(seen.page.locator("#curve .when")).to_have_text("Done")


def test_the_log_shows_what_is_sent_while_it_is_open(house: PaperHouse, look: Look) -> None:
    with look() as seen, closing(LiveDb(house.home.live)) as live:
        seen.go("/log")
        expect(seen.page.locator("#log")).to_contain_text("written nothing yet")
        write(live, house)
        expect(seen.page.locator(".log li")).to_have_count(1)
        expect(seen.page.locator("#log")).to_contain_text("on my way")


def test_a_log_that_is_unfolded_while_news_are_on_their_way_keeps_both(house: PaperHouse, look: Look) -> None:
    furnish(house)
    with look() as seen, closing(LiveDb(house.home.live)) as live:
        seen.go("/log")
        seen.page.wait_for_load_state("networkidle")
        (all_of_them,) = live.db.execute("SELECT count(*) FROM outbox").fetchone()
        held = Held(seen, "**/log/again*")
        write(live, house)
        held.wait()
        seen.page.get_by_role("button", name="Older ones").click()
        expect(seen.page.locator(".log li")).to_have_count(all_of_them)
        held.release()
        expect(seen.page.locator(".log li")).to_have_count(all_of_them + 1)
        expect(seen.page.locator("#log")).to_contain_text("on my way")


def write(live: LiveDb, house: PaperHouse) -> None:
    """The twin sends something."""
    live.db.execute(
        "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at, sent_at)"
        " VALUES (?, 0, ?, 424242, 'on my way', 'sent', 0, ?)",
        (house.waiting()[0], JUNO, house.now.timestamp()),
    )


def test_what_a_training_made_stands_there_once_it_has_ended(house: PaperHouse, look: Look) -> None:
    with look() as seen:
        seen.go("/training")
        expect(seen.page.locator("#adapters")).to_contain_text("None yet")
        with house.home.holding_training("train"):
            with Curve.of(house.home).drawing(ADAPTER) as draw:
                for step in range(1, 3):
                    draw(Point(step, 5.0 - step, step / 10, 100.0, float(step)))
                expect(seen.page.get_by_role("button", name="Stop")).to_be_visible()
            leave_adapter(house)
        expect(seen.page.locator("#adapters")).to_contain_text(ADAPTER)


def test_what_is_refused_is_told_where_it_is_seen_and_goes_with_the_next_try(house: PaperHouse, look: Look) -> None:
    last = house.waiting()[-1]
    with look((390, 500)) as seen:
        card = seen.page.locator(f"#s{last}")
        card.get_by_role("button", name="Edit").click()
        expect(card.get_by_role("button", name="Send mine")).to_be_visible()  # `all` waits for nothing
        for text in card.locator("textarea").all():
            text.fill("")
        card.get_by_role("button", name="Send mine").click()
        expect(seen.page.locator("#notes")).to_contain_text("nothing to send")
        expect(seen.page.locator("#notes")).to_be_in_viewport()
        card.get_by_role("button", name="Back").click()
        expect(seen.page.locator("#notes")).to_be_empty()
        seen.complaints.clear()  # the browser notes each answer that is a refusal


@pytest.mark.parametrize("how", ["a decision", "the stream"])
def test_a_server_that_does_not_know_the_page_is_noticed_and_what_was_written_stays(
    chromium: Browser, house: PaperHouse, how: str
) -> None:
    first = house.waiting()[0]
    with serving(house.settings, house.home) as running, window(chromium, running.link) as seen:
        card, lost = seen.page.locator(f"#s{first}"), seen.page.locator("#lost")
        card.get_by_role("button", name="Edit").click()
        card.locator("textarea").first.fill("half of a thought")
        expect(lost).to_be_hidden()
        seen.page.context.clear_cookies()  # as good as those of a server that was started anew
        if how == "a decision":
            card.get_by_role("button", name="Send mine").click()
        else:
            seen.page.evaluate("dispatchEvent(new Event('pagehide')); dispatchEvent(new Event('pageshow'))")
        expect(lost).to_be_visible()
        expect(card.locator("textarea").first).to_have_value("half of a thought")


@pytest.mark.parametrize("how", ["a decision", "the stream"])
def test_a_server_that_is_gone_is_noticed_by_whoever_presses_a_button_and_by_whoever_only_looks(
    chromium: Browser, house: PaperHouse, how: str
) -> None:
    first = house.waiting()[0]
    with ExitStack() as until:
        running = until.enter_context(serving(house.settings, house.home))
        with window(chromium, running.link) as seen:
            card, lost = seen.page.locator(f"#s{first}"), seen.page.locator("#lost")
            expect(lost).to_be_hidden()
            if how == "a decision":
                seen.page.evaluate("dispatchEvent(new Event('pagehide'))")  # else the stream would tell first, or might
            until.close()
            if how == "a decision":
                card.get_by_role("button", name="Approve").click()
            expect(lost).to_be_visible()
            expect(card.get_by_role("button", name="Approve")).to_be_visible()


def test_without_javascript_the_page_says_what_it_needs_and_sends_no_words_anywhere(
    chromium: Browser, page: Page
) -> None:
    with window(chromium, page.link, java_script_enabled=False) as seen:
        assert "needs JavaScript" in seen.page.content()
        seen.go("/twin")
        seen.page.locator("#text").fill("a very particular sentence")
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_timeout(300)
        assert "particular" not in seen.page.url
