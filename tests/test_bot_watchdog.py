"""A service manager hears that the client is ready and alive as long as its event loop turns, and no longer."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import supervisor
from bot.watchdog import Watchdog


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@doppelgram-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0"))
        listening.setblocking(False)
        yield listening, address


async def test_signs_of_life_come_while_the_loop_turns_and_a_word_at_the_end(
    manager: tuple[socket.socket, str],
) -> None:
    listening, address = manager
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60), Watchdog(address, 0.02).watching():
        for _ in range(3):
            assert await loop.sock_recv(listening, 100) == b"WATCHDOG=1"
    rest = []
    while (rest or [b""])[-1] != b"STOPPING=1":
        rest.append(listening.recv(100))
    assert set(rest[:-1]) <= {b"WATCHDOG=1"}
    with pytest.raises(BlockingIOError):
        listening.recv(100)


async def test_a_manager_that_does_not_listen_holds_nothing_up(manager: tuple[socket.socket, str]) -> None:
    async with asyncio.timeout(60), Watchdog(manager[1], 1e-4).watching():
        await asyncio.sleep(0.5)


async def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody")):
        async with Watchdog(address, 0.01).watching():
            await asyncio.sleep(0.03)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ("", None)),
        ({"NOTIFY_SOCKET": "/run/n"}, ("/run/n", None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000"}, ("/run/n", 60.0)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, ("/run/n", None)),
    ],
)
def test_the_manager_is_found_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], found: tuple[str, float | None]
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert supervisor() == found
