"""Off is off: what waited or was approved in a chat before does not come to life when the chat is listed again."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, small_town
from tests.terminal import Terminal, suggest


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town()) as running:
        yield running
    assert not running.failures


@pytest.mark.parametrize(("before", "after"), [(State.OFFERED, State.SUPERSEDED), (State.APPROVED, State.CANCELLED)])
async def test_setting_a_chat_off_ends_what_was_under_way_there_and_only_there(
    tmp_path: Path, sandbox: Sandbox, before: State, after: State
) -> None:
    terminal = Terminal(tmp_path, sandbox)
    await terminal.enter()
    for chat in ("Alma Reyes", "Bruno Okafor"):
        (await terminal("chats", "set", chat, "--mode", "ask")).ok()
    ended, other = suggest(terminal.home, ALMA, "on my way", before), suggest(terminal.home, BRUNO, "hi", before)
    (await terminal("chats", "set", "Alma Reyes", "--mode", "off")).ok()
    (await terminal("chats", "set", "Alma Reyes", "--mode", "ask")).ok()
    with closing(LiveDb(terminal.home / "live.db")) as live:
        states = {number: Suggestions(live).get(number) for number in (ended, other)}
    assert [each.state for each in states.values() if each] == [after, before]
