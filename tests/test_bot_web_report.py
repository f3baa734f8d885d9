"""The report that is made from the page: the real `evaluate` in a process of its own. By hand:
test_bot_web_browser_report."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.home import Home
from bot.settings import Settings, WebSettings
from bot.web import job
from bot.web.job import Job
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


def test_what_is_measured_in_a_terminal_is_seen_and_not_begun_twice(home: Home, client: Client) -> None:
    with client.listening() as stream:
        hear(stream, "report")
        with home.holding_measuring("evaluate"):
            hear(stream, "report")
            there = client.get("/report/measuring").text
            assert "<code>doppelgram evaluate</code> is at it elsewhere" in there
            assert "<button" not in there
            assert client.post("/report/start").status == 409, "one at a time"
        hear(stream, "report")
    assert "Measure</button>" in client.get("/report/measuring").text


def test_a_report_is_framed_anew_where_another_one_was_seen(home: Home, client: Client) -> None:
    nothing = client.get("/report/measuring").text
    assert "framed" not in nothing, "there was none, and there is none"
    home.reports.mkdir()
    (home.reports / "report.html").write_text("<h1>A report</h1>")
    framed = client.get("/report/measuring").text
    assert 'src="/report/file"' in framed
    stamp = framed.split('name="seen" value="')[1].split('"')[0]
    assert "framed" not in client.get(f"/report/measuring?seen={stamp}").text
    assert "framed" not in client.post("/report/stop", ("seen", stamp)).text
    assert 'src="/report/file"' in client.post("/report/stop").text, "what was on its way is not lost by a press"


def test_a_report_that_a_terminal_makes_is_told_to_an_open_page(home: Home, client: Client) -> None:
    with client.listening() as stream:
        hear(stream, "report")
        (home.reports / "me").mkdir(parents=True)
        (home.reports / "me" / "report.html").write_text("<h1>A report</h1>")
        hear(stream, "report")


def test_one_that_fails_as_the_last_did_is_told_of_too(home: Home) -> None:
    one, seen = Job(Settings(home=home.path), home), set()
    for _ in range(2):
        one.start("evaluate", "--unknown")
        wait(lambda: not one.busy, "it ends")
        assert one.why
        seen.add(one.fingerprint())
    assert len(seen) == 2


def test_a_page_that_is_closed_stops_what_it_measured(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = instead(monkeypatch, "import time; time.sleep(600)")
    with serving(Settings(home=home.path, web=WebSettings(port=0)), home) as page:
        Client(page).enter().post("/report/start")
        assert begun[0].poll() is None
    try:
        assert begun[0].poll() is not None
    finally:
        begun[0].kill()
        begun[0].communicate()


def test_a_child_writes_more_than_a_pipe_holds_and_says_how_far_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    script = (
        "import sys; from bot import progress; progress.EVERY = 0; print('x' * 10**6)\n"
        "with progress.bar('evaluate') as bar:\n    bar.at(0.05, 'a'); bar.at(0.42, 'b'); input()"
    )
    begun = instead(monkeypatch, script)
    one = Job(Settings(home=home.path), home)
    one.start("evaluate")
    wait(lambda: one.far == (0.42, "b"), "it says how far it is")
    assert one.busy
    assert one._child
    files = (one._child.out, one._child.err)
    begun[0].communicate(b"\n")
    wait(lambda: not one.busy, "it ends")
    assert (one.stopped, one.why, one.far) == (False, "", None)
    assert all(file.closed for file in files), "what it wrote is gone"


def test_what_is_stopped_is_given_the_time_to_keep_what_it_has_though_the_page_is_closed_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "def far(share): print(f'evaluate: {share}%, a', file=sys.stderr, flush=True)\n"
        "try:\n    far(1); time.sleep(600)\n"
        f"except KeyboardInterrupt:\n    far(2); time.sleep(1); Path({str(home.path / 'kept')!r}).touch()"
    )
    begun = instead(monkeypatch, script)
    one = Job(Settings(home=home.path), home)
    one.start("evaluate")
    wait(lambda: one.far is not None, "it listens")
    one.stop()
    wait(lambda: one.far == (0.02, "a"), "it was told")
    one.close()
    begun[0].communicate()
    assert (home.path / "kept").exists()


def instead(monkeypatch: pytest.MonkeyPatch, script: str) -> list[subprocess.Popen[bytes]]:
    """Have this run in place of the verb; the processes that were begun."""
    begin, begun = subprocess.Popen, list[subprocess.Popen[bytes]]()

    def other(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        assert command[1:4] == ["-m", "bot", "evaluate"]
        begun.append(begin([sys.executable, "-c", script], **options | {"stdin": subprocess.PIPE}))
        return begun[-1]

    monkeypatch.setattr(job.subprocess, "Popen", other)
    return begun
