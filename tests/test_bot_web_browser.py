"""The inbox in a real browser, at the size of a phone and of a desk: every decision, by hand and by key, without a
complaint of the browser's and without a request to anybody else."""

import asyncio
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest
from playwright.sync_api import Browser, expect

from bot.policy import Mode
from bot.suggestion import State
from bot.web.server import serving
from sandbox.server import Sandbox
from sandbox.small import small_town
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.chromium import CHROMIUM, INSTALL, PHONE, SIZES, Look, window
from tests.household import household, person
from tests.paper_house import PaperHouse, paper_house

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path)


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desk"])
def test_each_decision_is_made_by_hand(house: PaperHouse, look: Look, size: tuple[int, int]) -> None:
    approved, edited, another, skipped = house.waiting()[:4]
    with look(size) as seen:

        def press(number: int, name: str) -> None:
            seen.page.wait_for_timeout(450)  # as long as a press right after a decision does not count
            seen.page.locator(f"#s{number}").get_by_role("button", name=name, exact=True).click()

        press(approved, "Approve")
        expect(seen.page.locator(f"#s{approved}")).to_contain_text("Approved on this page")
        press(edited, "Edit")
        assert seen.findings() == []
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


def test_each_decision_is_made_by_key(house: PaperHouse, look: Look) -> None:
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


def test_a_second_press_of_the_same_finger_decides_on_nothing_else(house: PaperHouse, look: Look) -> None:
    first, second = house.waiting()[:2]
    with look() as seen:
        seen.page.locator(f"#s{first}").get_by_role("button", name="Approve").click()
        expect(seen.page.locator(f"#s{first}.line")).to_have_count(1)
        seen.page.evaluate(f"document.querySelector('#s{second} button.go').click()")
        seen.page.wait_for_timeout(300)
    assert house.suggestion(first).state is State.APPROVED
    assert house.suggestion(second).state is State.OFFERED


def test_of_two_open_pages_one_approves_and_the_other_says_so(house: PaperHouse, look: Look) -> None:
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
    house: PaperHouse, look: Look
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


def test_an_offered_suggestion_appears_on_the_open_page(house: PaperHouse, look: Look) -> None:
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


def test_an_empty_inbox_is_quiet_and_fills_when_something_is_offered(house: PaperHouse, look: Look) -> None:
    for number in house.waiting():
        house.decide(number, State.SKIPPED)
    with look() as seen:
        seen.page.wait_for_load_state("networkidle")
        expect(seen.page.locator(".nothing")).to_be_visible()
        number = house.offer(JUNO, "still there?", "always")
        seen.page.locator(f"#s{number}.card").wait_for()


def test_of_a_thousand_waiting_fifty_are_in_the_page(house: PaperHouse, look: Look) -> None:
    house.offer_many(JUNO, 1000)
    with look() as seen:
        expect(seen.page.locator("#cards > article")).to_have_count(50)
        first = house.waiting()[0]
        seen.page.locator(f"#s{first}").get_by_role("button", name="Skip").click()
        expect(seen.page.locator(f"#s{first}.line")).to_have_count(1)
        house.offer(JUNO, "one more", "yes")
        seen.page.wait_for_timeout(300)
        assert seen.page.locator("#cards > article").count() <= 50


def test_who_opens_the_link_and_presses_the_first_button_has_sent_the_first_reply(
    chromium: Browser, tmp_path: Path
) -> None:
    """As in the demo: a running client, its page, a message that has just come. Nothing is read before."""
    links: Queue[str] = Queue()

    async def evening() -> list[str]:
        async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path) as there:
            anna = person(there)
            there.allow(anna.id, Mode.ASK)
            there.settings.web.port = 0
            with serving(there.settings, there.home) as page:
                async with there.running():
                    await sandbox.say(anna.id, there.owner_id, "lunch was great")
                    await there.heard("offered")
                    links.put(page.link)
                    await there.heard("sent")
            return there.delivered()

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(lambda: asyncio.run(evening()))
        with window(chromium, links.get(timeout=60), PHONE) as seen:
            seen.page.locator("main button:visible").first.click()
            expect(seen.page.locator(".line")).to_contain_text("on this page")
            assert sent.result(60) == ["sounds good"]
