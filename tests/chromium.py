"""A real browser, Debian's own, driven by Playwright: what the tests of the page look through."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
INSTALL = "needs Chromium: apt-get install chromium"
PHONE, DESK = (390, 844), (1280, 800)
SIZES = (PHONE, DESK)


@dataclass
class Window:
    """An open page, and everything it did that it should not have."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Addresses outside of the page that were asked for."""

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)


@contextmanager
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with sync_playwright() as playwright:
        # CI runs as root in a container, where Chromium's sandbox cannot be set up.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def window(chromium: Browser, link: str, size: tuple[int, int] = DESK, **more: Any) -> Iterator[Window]:
    """A window of its own (no cookie of another), opened by the link."""
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **more)
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        opened = Window(page, link.partition("/enter")[0])
        page.on("console", lambda message: opened.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("request", lambda request: _note(opened, request.url))
        page.goto(link)
        page.wait_for_url(opened.base + "/")
        yield opened
    finally:
        context.close()


def _note(opened: Window, url: str) -> None:
    if urlsplit(url).scheme in ("data", "blob", "about"):
        return
    if not url.startswith(opened.base + "/"):
        opened.strangers.append(url)
