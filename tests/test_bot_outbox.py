"""The one sender: bubbles in order, floods obeyed, and everything checked again at the last moment."""

from pathlib import Path

from bot.policy import Mode
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.fakes import RecordedGenerator
from tests.household import Household, household, person, settle


async def test_the_owner_writing_between_two_bubbles_cancels_the_second(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, bubble_seconds=1.0) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("one", "two")])):
            await sandbox.say(anna.id, house.owner_id, "lunch was great")
            await house.heard("sent")
            await sandbox.say(house.owner_id, anna.id, "me again")
            await house.heard("cancelled")
            await settle(1.5)
        assert house.delivered() == ["one"]


async def test_a_flood_wait_is_obeyed_and_everything_is_checked_again_then(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.faults.flood("SendMessageRequest", 5)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("flood_wait", seconds=5)
        calls = house.sandbox.journal.calls["SendMessageRequest"]
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("cancelled")
        await settle(5)
        assert house.sandbox.journal.calls["SendMessageRequest"] == calls
    assert house.delivered() == []


async def test_peer_flood_turns_auto_off_everywhere(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.AUTO)
    house.allow(boris.id, Mode.AUTO)
    house.sandbox.faults.refuse("SendMessageRequest", 400, "PEER_FLOOD")
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("peer_flood")
    assert set(house.modes().values()) == {Mode.ASK}
    assert house.delivered() == []
