"""`doppelgram review` without a terminal: decisions by flags, and what it says of those that are made elsewhere."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest_asyncio

from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, small_town
from tests.terminal import Terminal, suggest


@pytest_asyncio.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A home that is logged in."""
    async with Sandbox(small_town()) as sandbox:
        shell = Terminal(tmp_path, sandbox)
        (await shell.login()).ok()
        yield shell


async def test_review_by_flags(terminal: Terminal) -> None:
    numbers = [suggest(terminal.home, each, f"hello {each}") for each in (ALMA, BRUNO, CARLA)]
    rows = (await terminal("review", "--json")).ok().json
    assert (rows[0]["id"], rows[0]["chat"], rows[0]["texts"]) == (numbers[0], "Alma Reyes", [f"hello {ALMA}"])
    assert (await terminal("review", "--approve", str(numbers[0]), "--json")).ok().json["decision"] == "approved"
    (await terminal("review", "--approve", str(numbers[0]))).failed(1)
    (await terminal("review", "--edit", str(numbers[1]))).failed(2)
    (await terminal("review", "--edit", str(numbers[1]), "--text", " ")).failed(2)
    (await terminal("review", "--edit", str(numbers[1]), "--text", "hi", "--text", "there")).ok()
    (await terminal("review", "--skip", str(numbers[2]))).ok()
    assert (await terminal("review", "--json")).ok().json == []
    with closing(LiveDb(terminal.home / "live.db")) as live:
        edited = Suggestions(live).get(numbers[1])
    assert edited
    assert (edited.state, edited.final) == (State.EDITED, ("hi", "there"))


async def test_review_and_status_say_what_is_decided_elsewhere_and_what_keeps_a_reply_from_leaving(
    terminal: Terminal,
) -> None:
    drafted, old = suggest(terminal.home, ALMA, "on my way"), suggest(terminal.home, BRUNO, "of yesterday")
    (await terminal("pause")).ok()
    with closing(LiveDb(terminal.home / "live.db")) as live:
        live.db.execute("UPDATE suggestions SET surface = 'draft' WHERE id = ?", (drafted,))
        live.db.execute("UPDATE suggestions SET created_at = created_at - 86400 WHERE id = ?", (old,))
    said = (await terminal("review")).ok()
    assert (said.out, "1 suggestion in your input boxes in Telegram" in said.err) == ("", True)
    assert "sent when this runs: doppelgram run" in said.err
    assert "The twin is paused: what is approved is sent after doppelgram resume." in said.err
    refused = (await terminal("review", "--approve", str(drafted))).failed(1)
    assert "lies in the input box of Alma Reyes" in refused.err
    (await terminal("review", "--approve", str(old))).failed(1)
    told = await terminal("status")
    assert "not running, paused; 1 suggestion waits for you (1 in your input boxes in Telegram)" in told.out
