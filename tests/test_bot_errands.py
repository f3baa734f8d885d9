"""What needs the login while `run` holds it: the verb asks, `run` does it, and the verb reports as if it had."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bot.desk import Desk
from bot.errands import Errands
from bot.home import Home
from bot.livedb import LiveDb
from bot.online import done
from bot.settings import Settings
from data.errors import UserError
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests.terminal import Terminal, agrees, ended, until
from tests.test_bot_processes import Client, running

REPLY = '[["yep"]]'


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Terminal]:
    """Logged in to a small town, with Alma's consent."""
    async with Sandbox(small_town()) as sandbox:
        shell = Terminal(tmp_path, sandbox)
        await shell.enter()
        (await shell("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
        yield shell


def twin(shell: Terminal) -> AbstractAsyncContextManager[Client]:
    return running(shell, REPLY, program=("-m", "tests.child_run"))


async def test_a_pull_is_done_by_the_client_that_runs(shell: Terminal) -> None:
    async with twin(shell) as client:
        await client.until("started")
        report = (await shell("pull", "Alma Reyes", "--json")).ok().json
        assert report["new"] > 0
        assert report["chats"] == 1
    assert agrees(shell, ALMA)


async def test_an_error_of_an_errand_is_the_errand_of_whoever_asked(shell: Terminal) -> None:
    async with twin(shell) as client:
        await client.until("started")
        refused = (await shell("consent", "ask", "Nobody of That Name")).failed(1)
        assert "Nobody of That Name" in refused.err
        assert (await shell("pull", "folder:None such")).failed(1).err
        (await shell("chats", "--refresh", "--json")).ok()
        assert client.process.returncode is None, "and the client goes on"


async def test_a_request_for_consent_is_placed_by_the_client_that_runs(shell: Terminal) -> None:
    assert shell.sandbox
    async with twin(shell) as client:
        await client.until("started")
        asked = (await shell("consent", "ask", "Alma Reyes", "--language", "de", "--json")).ok().json
    assert asked["language"] == "de"
    assert shell.sandbox.town.boxes[shell.sandbox.town.owner_id].drafts[ALMA].text == asked["text"]


async def test_logout_ends_the_client_that_runs_and_then_the_login(shell: Terminal) -> None:
    async with twin(shell) as client:
        await client.until("started")
        (await shell("logout")).ok()
        await client.process.wait()
        assert client.process.returncode == 0
    assert not (shell.home / "account.session").exists()
    (await shell("pull", "Alma Reyes")).failed(4)


async def test_ctrl_c_of_whoever_asked_stops_the_errand_and_not_the_client(shell: Terminal) -> None:
    assert shell.sandbox
    calls = shell.sandbox.calls
    async with twin(shell) as client:
        await client.until("started")
        await until(lambda: calls["GetHistoryRequest"] > 0)  # of Saved Messages, by the client itself
        hold = shell.sandbox.faults.hold_answer("GetHistory")
        process = await shell.start("pull", "Alma Reyes")
        await hold.reached.wait()
        process.send_signal(signal.SIGINT)
        (await ended(process)).failed(130)
        hold.release()
        assert (await shell("pull", "Alma Reyes", "--json")).ok().json["new"] > 0
        assert client.process.returncode is None


def held(tmp_path: Path) -> Desk:
    return Desk(Settings(home=tmp_path), Home.at(tmp_path))


def test_a_client_that_does_not_answer_has_to_be_stopped_first(tmp_path: Path) -> None:
    desk = held(tmp_path)
    with desk.home.holding_login("run"), pytest.raises(UserError, match="does not answer") as refused:
        done(desk, "chats --refresh")
    assert "Stop it first" in refused.value.hint
    assert Errands(desk.live).take() is None, "and what was asked is not done later"


async def test_what_was_asked_of_a_client_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    desk = held(tmp_path)
    with desk.home.holding_login("run"):
        waiting = asyncio.create_task(asyncio.to_thread(_asked, tmp_path))
        live = LiveDb(desk.home.live)
        while Errands(live).take() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        Errands(live).clear()  # as a client does that is started in its place
    with pytest.raises(UserError, match="ended before this was done"):
        await waiting
    live.close()


def _asked(path: Path) -> None:
    done(held(path), "chats --refresh")
