"""Two switches for the whole test run, `--long` for the long forms and `--strict-skips` where a skip is a failure; the
house that the tests of the live room share; and the browser of those that look at the page."""

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.household import Household, household

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from bot.web.server import Page
    from tests.chromium import Look
    from tests.paper_house import PaperHouse


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the long forms of checks")
    parser.addoption("--strict-skips", action="store_true", help="a skipped test is a failure, as in .ci/run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long forms are left out of the selection, not skipped: they are a choice, not something missing here."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--strict-skips"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which --strict-skips forbids: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.outcome == "skipped" and collector.config.getoption("--strict-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --strict-skips forbids: {report.longrepr}"
    return report


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long form of a check is wanted, for tests that have both."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Household]:
    """A home logged in to a fresh small town."""
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A real browser, started once for a file. Only who asks for it loads Playwright."""
    from tests.chromium import browser

    with browser() as running:
        yield running


@pytest.fixture
def page(house: "PaperHouse") -> "Iterator[Page]":
    """The page over a house of paper, which the file brings itself."""
    from bot.web.server import serving
    from tests.paper_house import recorded

    with serving(house.settings, house.home, recorded()) as open_page:
        yield open_page


@pytest.fixture
def look(chromium: "Browser", page: "Page") -> "Iterator[Look]":
    """Windows of that browser on that page."""
    from tests.chromium import Look

    looking = Look(chromium, page.link)
    yield looking
    looking.close()
