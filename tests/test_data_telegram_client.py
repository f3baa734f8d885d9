"""The connection itself, where the network stays away."""

import asyncio
from typing import Any

import pytest
from telethon.network import mtprotosender

from data.telegram import connect
from tests.household import Household, until


class _Hurried:
    """`asyncio` for Telethon's sender, whose rests are noted and not slept through."""

    def __init__(self) -> None:
        self.rests: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("waits", "rests"), [(True, [1, 2, 4, 8, 15, 15]), (False, [1, 1])])
async def test_a_network_that_stays_away_is_tried_less_and_less_by_a_client_that_runs(
    house: Household, monkeypatch: pytest.MonkeyPatch, waits: bool, rests: list[int]
) -> None:
    async with connect(house.login, updates=waits) as client:
        hurried = _Hurried()
        monkeypatch.setattr(mtprotosender, "asyncio", hurried)
        connection: Any = client._sender._connection
        there, tried = connection.connect, asyncio.Event()

        async def away(**_: Any) -> None:
            if len(hurried.rests) >= len(rests):
                tried.set()
                await there(timeout=10)
            else:
                raise ConnectionError("no network")

        monkeypatch.setattr(connection, "connect", away)
        client.break_off()
        await asyncio.wait_for(tried.wait(), 60)
        await until(lambda: client.in_touch)
        assert hurried.rests[: len(rests)] == rests
