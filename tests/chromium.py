"""A real browser, Debian's own, driven by Playwright: what the tests of the page look through."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
INSTALL = "needs Chromium: apt-get install chromium"
PHONE, DESK = (390, 844), (1280, 800)
SIZES = (PHONE, DESK)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


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

    def findings(self) -> list[str]:
        """What axe-core finds serious or critical."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run()")["violations"]
        return [
            f"{each['id']}: {node['target']}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


@dataclass
class Look:
    """Opens windows by one link, each of which must have stayed quiet and at home."""

    chromium: Browser
    link: str
    opened: list[Window] = field(default_factory=list)

    @contextmanager
    def __call__(self, size: tuple[int, int] = DESK, **options: Any) -> Iterator[Window]:
        with window(self.chromium, self.link, size, **options) as seen:
            self.opened.append(seen)
            yield seen

    def close(self) -> None:
        """Whatever any of them said or asked elsewhere."""
        assert [each.complaints for each in self.opened if each.complaints] == []
        assert [each.strangers for each in self.opened if each.strangers] == []


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
