"""The report that is made from the page: the real `evaluate` in a process of its own. By hand:
test_bot_web_browser_report."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.home import Home
from bot.settings import Settings, WebSettings
from bot.web import errand
from bot.web.errand import Errand
from bot.web.server import serving
from tests.page_client import Client
from tests.test_bot_web_stream import hear
from tests.test_bot_web_training import wait


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


@pytest.fixture
def client(home: Home) -> Iterator[Client]:
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        yield Client(page).enter()


def test_what_cannot_be_measured_says_why_on_the_page(client: Client) -> None:
    begun = client.post("/report/start")
    assert "Beginning" in begun.text
    assert client.post("/report/start").status == 409, "one at a time"
    wait(lambda: "There is no dataset yet" in client.get("/report/measuring").text, "it says why")
    assert "Measure</button>" in client.get("/report").text


def test_what_is_stopped_can_be_gone_on_with(client: Client) -> None:
    client.post("/report/start")
    client.post("/report/stop")
    wait(lambda: "goes on where it was" in client.get("/report/measuring").text, "it is stopped")
    assert "Go on</button>" in client.get("/report").text
    assert client.post("/report/again").status == 404


def test_a_report_is_framed_anew_where_another_one_was_seen(home: Home, client: Client) -> None:
    nothing = client.get("/report/measuring").text
    assert "framed" not in nothing, "there was none, and there is none"
    home.reports.mkdir()
    (home.reports / "report.html").write_text("<h1>A report</h1>")
    framed = client.get("/report/measuring").text
    assert 'src="/report/file"' in framed
    stamp = framed.split('name="seen" value="')[1].split('"')[0]
    assert "framed" not in client.get(f"/report/measuring?seen={stamp}").text


def test_a_report_that_a_terminal_makes_is_told_to_an_open_page(home: Home, client: Client) -> None:
    with client.listening() as stream:
        hear(stream, "report")
        (home.reports / "me").mkdir(parents=True)
        (home.reports / "me" / "report.html").write_text("<h1>A report</h1>")
        hear(stream, "report")


def test_one_that_fails_as_the_last_did_is_told_of_too_though_nobody_looked_meanwhile(home: Home) -> None:
    one, seen = Errand(Settings(home=home.path), home), set()
    for _ in range(2):
        one.start("evaluate", "--unknown")
        wait(lambda: not one.busy, "it ends")
        assert one.code == 2
        seen.add(one.fingerprint())
    assert len(seen) == 2


def test_a_page_that_is_closed_stops_what_it_measured(home: Home) -> None:
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        Client(page).enter().post("/report/start")
        (child,) = children()
    assert child not in children()


def test_a_child_writes_more_than_a_pipe_holds_and_says_how_far_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; print('x' * 10**6); print('evaluate: 5%, a\\nnoise\\nevaluate: 42%, b', file=sys.stderr)"
    begin = subprocess.Popen

    def other(command: list[str], **options: object) -> object:
        assert command[1:] == ["-m", "bot", "evaluate", "--json"]
        return begin([sys.executable, "-c", script + "; input()"], **options | {"stdin": subprocess.PIPE})  # type: ignore[call-overload]

    monkeypatch.setattr(errand.subprocess, "Popen", other)
    one = Errand(Settings(home=home.path), home)
    one.start("evaluate")
    wait(lambda: one.far == (0.42, "b"), "it says how far it is")
    assert one.busy
    assert one._child
    assert one._child.process.stdin
    one._child.process.stdin.write(b"\n")
    one._child.process.stdin.close()
    wait(lambda: not one.busy, "it ends")
    assert (one.code, one.why, one.far) == (0, "", None)
    assert list(home.path.iterdir()) == [], "what it wrote is gone"


def children() -> list[str]:
    """Processes of ours that measure."""
    me = Path("/proc/self/task")
    found = [pid for task in me.glob("*/children") for pid in task.read_text().split()]
    return [pid for pid in found if b"evaluate" in Path(f"/proc/{pid}/cmdline").read_bytes()]
