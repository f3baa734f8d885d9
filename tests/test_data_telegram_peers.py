"""A person, a group and a channel may bear the same number; each is still itself."""

import asyncio
from pathlib import Path

import pytest
from telethon import events, utils

from bench.live.house import house
from bench.live.mould import Mould, mould
from bench.live.street import FIRST, OWNER, strangers_write
from data.telegram import connect
from sandbox.people import channel_id

ALIKE = (FIRST, -FIRST, channel_id(FIRST))


@pytest.fixture
async def made(tmp_path: Path) -> Mould:
    return await mould(tmp_path / "mould")


async def test_each_of_three_that_share_a_number_is_found_as_itself(made: Mould, tmp_path: Path) -> None:
    async with house(made, tmp_path / "house") as here, connect(here.login, updates=True) as client:
        heard = asyncio.Event()
        client.add_event_handler(lambda _: heard.set(), events.NewMessage(chats=None))
        await strangers_write(here.sandbox, "hello")  # now they are kept under their bare numbers
        await here.sandbox.say(FIRST, OWNER, "hello")
        await asyncio.wait_for(heard.wait(), 60)
        assert [utils.get_peer_id(await client.get_input_entity(each)) for each in ALIKE] == list(ALIKE)
        assert [m.text async for m in client.iter_messages(FIRST, limit=1)] == ["hello"]


async def test_a_reply_goes_to_the_person_and_not_to_a_channel_of_the_same_number(made: Mould, tmp_path: Path) -> None:
    async with house(made, tmp_path / "house") as here, here.at_work():
        await strangers_write(here.sandbox, "hello")
        await here.sandbox.say(FIRST, OWNER, "are you there")
        assert await here.until(lambda: here.counts["sent"] > 0)
        assert [m.text for m in here.archive.recent(FIRST) if not m.mine][-1] == "are you there"
    assert {each.peer_id for each in here.delivered()} == {FIRST}
