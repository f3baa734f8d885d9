"""Draw the pictures of the page for README, from the invented cast, in a real browser. Not a test itself.

python -m tests.screenshots [FOLDER]     (docs/ when no folder is given; needs Chromium: apt-get install chromium)
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from bot.web.server import serving
from tests.chromium import DESK, PHONE, browser, window
from tests.paper_house import furnish, paper_house, recorded

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = ("inbox.png", "twin.png")


def draw(folder: Path, chromium: Browser) -> None:
    """The inbox on a desk by day, and a talk with the twin on a phone by night."""
    inbox, twin = (folder / name for name in NAMES)
    with tempfile.TemporaryDirectory() as place:
        house = furnish(paper_house(Path(place)))
        model = recorded(("that's on my list of best news", "i'll bring the jam"))
        with house.home.holding_login("run"), serving(house.settings, house.home, model) as page:
            with window(chromium, page.link, DESK, color_scheme="light") as seen:
                seen.page.locator(".card").first.wait_for()
                seen.page.screenshot(path=inbox)
            with window(chromium, page.link, PHONE, color_scheme="dark", device_scale_factor=1.5) as seen:
                seen.go("/twin")
                seen.page.wait_for_load_state()
                seen.page.locator("#text").fill("the bread is out of the oven")
                seen.page.keyboard.press("Enter")
                seen.page.locator(".candidate").first.wait_for()
                seen.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
                seen.page.screenshot(path=twin)


if __name__ == "__main__":
    with browser() as running:
        draw(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS, running)
