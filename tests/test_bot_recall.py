"""A bubble that is on the wire when the network goes away does not arrive later as if nothing had happened since."""

from pathlib import Path
from typing import Any

import pytest

from bench.live.house import House, house
from bench.live.mould import mould
from bench.live.street import FIRST, OWNER
from bench.live.wire import Wire
from bot.control import Control
from bot.policy import Mode


async def meanwhile(here: House, what: str) -> None:
    """What changes everything while nobody is connected."""
    if what == "paused":
        Control(here.rows).pause()
    else:
        await here.sandbox.say(OWNER, FIRST, "it's me")


def sending(here: House) -> bool:
    """Whether a bubble is on the wire."""
    return here.rows.db.execute("SELECT 1 FROM outbox WHERE state = 'sending'").fetchone() is not None


@pytest.mark.parametrize("what", ["paused", "the owner answers"])
async def test_what_was_not_carried_out_when_the_connection_was_lost_is_decided_anew(tmp_path: Path, what: str) -> None:
    async with house(await mould(tmp_path / "mould"), tmp_path / "house") as here, here.at_work():
        on_its_way = here.sandbox.faults.hold("SendMessage")
        await here.sandbox.say(FIRST, OWNER, "are you there")
        await on_its_way.reached.wait()
        await here.sandbox.stop()
        await meanwhile(here, what)
        await here.sandbox.start()
        assert await here.until(lambda: here.counts["unknown"] > 0)
    assert here.delivered() == []


async def test_a_draft_that_was_on_its_way_does_not_overwrite_what_the_owner_began_meanwhile(tmp_path: Path) -> None:
    drafting = {0: Mode.DRAFT}
    async with house(await mould(tmp_path / "mould"), tmp_path / "house", drafting) as here, here.at_work():
        await here.sandbox.read(OWNER, FIRST)
        on_its_way = here.sandbox.faults.hold("SaveDraft")
        await here.sandbox.say(FIRST, OWNER, "are you there")
        await on_its_way.reached.wait()
        await here.sandbox.stop()
        await here.sandbox.draft(OWNER, FIRST, "dear you")
        await here.sandbox.start()
        assert await here.until(lambda: here.counts["watching"] > 1)
    drafts = [event.detail["text"] for event in here.sandbox.journal.events if event.kind == "draft"]
    assert drafts == ["dear you"]


async def test_a_pause_calls_back_what_lies_in_a_dead_network(tmp_path: Path) -> None:
    async with (
        house(
            await mould(tmp_path / "mould"),
            tmp_path / "house",
        ) as here,
        Wire(here.sandbox.address) as wire,
    ):
        here.wire = wire.address

        def cut(event: str, **_: Any) -> None:
            if event == "approved":
                wire.cut()

        here.hear = cut
        async with here.at_work():
            await here.sandbox.say(FIRST, OWNER, "are you there")
            assert await here.until(lambda: sending(here))
            Control(here.rows).pause()
            assert await here.until(lambda: here.counts["answer_lost"] > 0)
            wire.mend()
            assert await here.until(lambda: here.counts["unknown"] > 0)
    assert here.delivered() == []
