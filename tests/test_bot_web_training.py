"""The training room of the page: what it starts, watches, draws and stops. By hand: test_bot_web_browser_training."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.curve import Curve, Point
from bot.home import Home
from bot.settings import LiveSettings, Settings, TrainSettings, WebSettings, environment, read, spelled
from bot.web.server import serving
from bot.web.training import draw
from bot.web.workshop import Workshop
from tests.page_client import Client
from tests.terminal import PATIENCE, Terminal


def wait(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.1)


async def test_a_page_that_is_closed_stops_the_training_it_began(tmp_path: Path) -> None:
    shop = Workshop.of(Settings(home=tmp_path / "home"), Home.at(tmp_path / "home"))
    shop.start(None)
    assert shop.busy
    await asyncio.to_thread(shop.close)
    assert shop.home.trainer() is None
    assert shop.course() is None


def test_a_curve_goes_on_where_its_training_was_interrupted_and_begins_anew_after_its_end(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "training.jsonl")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(curve)
    with curve.drawing("a") as add:
        add(Point(2, 3.0, 0.2, 9.0, 2.0))
        course = curve.read()
        assert course
        assert ([point.step for point in course.points], course.ended) == ([1, 2], None)
    with curve.drawing("b"):
        course = curve.read()
        assert course
        assert (course.adapter, course.points) == ("b", ())


@pytest.mark.parametrize("minutes", ["soon", "-1", "0", "1e99", "nan"])
def test_no_number_of_minutes_starts_nothing(tmp_path: Path, minutes: str) -> None:
    home = Home.at(tmp_path / "home")
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        assert Client(page).enter().post("/training/start", ("minutes", minutes)).status == 409
    assert Curve.of(home).read() is None


def test_a_training_that_cannot_begin_says_why_on_the_page(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        client = Client(page).enter()
        client.post("/training/start")
        wait(lambda: "There is no dataset yet" in client.get("/training/curve").text, "it says why")


async def test_a_training_in_a_terminal_is_seen_and_stopped_on_the_page(tmp_path: Path) -> None:
    """Not begun here, so it is found by its lock and by what it writes."""
    home = Home.at(tmp_path / "home")
    shell = Terminal(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from bot.home import Home; from bot.curve import Curve, Point\n"
        "home = Home(Path(sys.argv[1]))\n"
        "with home.holding_training('train'), Curve.of(home).drawing('by-hand') as draw:\n"
        "    draw(Point(1, 4.0, 0.1, 99.0, 1.0)); draw(Point(2, 3.5, 0.2, 99.0, 2.0))\n"
        "    time.sleep(600)"
    )
    process = await shell.start(str(home.path), program=("-c", script))
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        client = await asyncio.to_thread(Client(page).enter)
        await asyncio.to_thread(wait, lambda: "by-hand" in client.get("/training").text, "it is seen")
        assert "Stop" in client.get("/training/curve").text
        assert client.post("/training/start").status == 409, "one at a time"
        await asyncio.to_thread(client.post, "/training/stop")
        await asyncio.wait_for(process.communicate(), PATIENCE)
        assert "goes on where it was" in client.get("/training/curve").text


def test_a_long_curve_is_drawn_with_few_points_and_its_ends_are_right(tmp_path: Path) -> None:
    points = tuple(Point(step, 5 - step / 1000, step / 4000, 1.0, 1.0) for step in range(1, 4001))
    drawn = draw(points)
    places = [tuple(map(float, each.split(","))) for each in drawn.line.split()]
    assert len(places) <= 240
    assert places[0] == (0.0, 0.0)
    assert places[-1] == (640.0, 200.0)
    assert (drawn.first, drawn.last) == (1, 4000)


def _interrupted(curve: Curve) -> None:
    with curve.drawing("a") as add:
        add(Point(1, 4.0, 0.1, 9.0, 1.0))
        raise KeyboardInterrupt


def test_a_line_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "training.jsonl")
    with curve.drawing("a") as add:
        add(Point(1, 4.0, 0.5, 9.0, 1.0))
        with curve.path.open("a") as file:
            file.write('{"step": 2, "lo')
        course = curve.read()
        assert course
        assert [point.step for point in course.points] == [1]
    assert curve.path.stat().st_mode & 0o777 == 0o600


def test_a_child_gets_the_very_settings_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and values, secrets too, and nothing of the shell's own."""
    given = Settings(
        home=tmp_path / "home",
        api_id=7,
        api_hash="hash",
        train=TrainSettings(learning_rate=0.5, minutes=3),
        live=LiveSettings(quiet_hours="23:00-07:00", hold_media=False),
    )
    for name, value in environment(given.home, **spelled(given)).items():
        monkeypatch.setenv(name, value)
    assert read() == given
