"""The event stream: it tells at once that something changed, says nothing else, and costs nothing once it is closed."""

import os
import select
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bot.control import Control
from bot.desk import Desk
from bot.livedb import LiveDb
from bot.suggestion import State
from bot.web.job import Job
from bot.web.watch import TOPICS, Watch
from bot.web.workshop import Workshop
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.page_client import Client, opened
from tests.paper_house import PaperHouse, paper_house


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path, people=2)


@pytest.fixture
def client(house: PaperHouse) -> Iterator[Client]:
    with opened(house) as client:
        yield client


def hear(stream: socket.socket, topic: str, within: float = 10) -> str:
    """Wait for an event of a topic; returns all that came."""
    heard, until = "", time.monotonic() + within
    while f" {topic}" not in heard.replace("data:", "data: ").replace("\n", " "):
        assert select.select([stream], [], [], until - time.monotonic())[0], f"nothing of {topic}: {heard!r}"
        part = stream.recv(65536)
        assert part, "closed"
        heard += part.decode()
    return heard


def test_a_change_by_another_process_is_told_at_once_and_without_its_text(house: PaperHouse, client: Client) -> None:
    took = []
    with client.listening() as stream:
        hear(stream, "log")
        for n in range(20):
            house.offer(JUNO, f"secret question {n}", "secret answer")
            began = time.perf_counter()
            heard = hear(stream, "waiting")
            took.append(time.perf_counter() - began)
            assert "secret" not in heard
    sys.stdout.write(
        f"median {statistics.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms of {len(took)}\n"
    )
    assert statistics.median(took) < 3


def test_each_kind_of_change_is_told_by_its_name(house: PaperHouse, client: Client) -> None:
    with client.listening() as stream, closing(LiveDb(house.home.live)) as live:
        hear(stream, "log")
        house.decide(house.waiting()[0], State.SKIPPED)
        hear(stream, "waiting")
        Control(live).pause()
        hear(stream, "state")
        live.db.execute("UPDATE policy SET mode = 'off'")
        hear(stream, "chats")
        (house.home.path / "PAUSE").touch()
        Control(live).resume(house.suggestion(1).created_at)
        hear(stream, "state")


def test_a_client_that_begins_to_run_is_told(house: PaperHouse, client: Client) -> None:
    with client.listening() as stream:
        hear(stream, "log")
        with house.home.holding_login("run"):
            hear(stream, "state")
            assert "at work" in client.get("/state").text


def test_fifty_streams_hear_all_and_leave_nothing_behind(house: PaperHouse, client: Client) -> None:
    for _ in range(3):
        with ExitStack() as stack:
            streams = [stack.enter_context(client.listening()) for _ in range(50)]
            for stream in streams:
                hear(stream, "log")
            assert threads_of_the_page() == 1
            house.offer(JUNO, "who is there", "all of us")
            for stream in streams:
                hear(stream, "waiting")
    with client.listening() as one:
        hear(one, "log")


async def test_the_look_at_the_files_ends_with_the_last_stream_and_keeps_nothing_of_them(house: PaperHouse) -> None:
    with Desk.at(house.settings, house.home) as desk:
        watch = Watch(desk, Workshop.of(house.settings, house.home), Job(house.settings, house.home))
        for _ in range(4):
            streams = [watch.changes(5.0) for _ in range(50)]
            assert [await anext(each) for each in streams] == [list(TOPICS)] * 50
            assert watch.streams == 50
            for each in streams:
                await each.aclose()
            assert (watch.streams, watch._task) == (0, None)
        assert len(watch._counts) == len(watch._seen) == len(TOPICS)


def test_fifty_streams_take_little_memory_and_give_it_back(house: PaperHouse, client: Client) -> None:
    def fifty() -> int:
        """Open them all, make something happen, and tell how much memory this process has meanwhile, in bytes."""
        with ExitStack() as stack:
            streams = [stack.enter_context(client.listening()) for _ in range(50)]
            for stream in streams:
                hear(stream, "log")
            house.offer(JUNO, "who is there", "all of us")
            for stream in streams:
                hear(stream, "waiting")
            return resident()

    before, first = resident(), fifty()
    later = [fifty() for _ in range(10)]
    sys.stdout.write(
        f"50 streams: {(first - before) / 2**20:.1f} MiB; 500 later {(later[-1] - first) / 2**20:.1f} more\n"
    )
    assert first - before < 50 * 2**20
    assert later[-1] - first < 20 * 2**20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_more_streams_than_anybody_needs_are_refused_and_room_comes_back(client: Client) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(client.listening()) for _ in range(64)]
        for stream in streams:
            hear(stream, "log")
        assert client.get("/stream").status == 503
    for _ in range(100):
        with client.listening() as stream:
            if b"200 OK" in stream.recv(4096):
                return
        time.sleep(0.1)
    raise AssertionError("no stream is let in again")


def threads_of_the_page() -> int:
    import threading

    return sum(thread.name == "page" for thread in threading.enumerate())
