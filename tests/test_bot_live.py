"""The live room against a real server: answered once, in the right chat, and the owner always wins."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sandbox.small import small_town

from bot.control import Control
from bot.inbox import Inbox
from bot.policy import Mode, Policy
from bot.review import Review
from bot.suggestion import State, Suggestions
from data.consent import Ledger
from data.transcript import Scope
from sandbox.server import Sandbox
from tests.fakes import RecordedGenerator, unsure
from tests.household import Household, household, person


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Household]:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path) as house:
        yield house


def now() -> datetime:
    return datetime.now(UTC)


def review(house: Household, do: str, *texts: list[str]) -> bool:
    """One decision in the terminal, as another process would make it."""
    with house.archive() as archive, house.live() as live:
        desk = Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now)
        (card,) = desk.waiting()
        return bool(getattr(desk, do)(card, *texts))


NO_WAIT = timedelta(0)


async def settle(seconds: float = 1.0) -> None:
    """Give the client time to do what it must not do."""
    await asyncio.sleep(seconds)


async def until(holds: Callable[[], bool], within: float = 10) -> None:
    """Wait for something no event tells of."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def paused(house: Household) -> bool:
    with house.live() as live:
        return Control(live).paused(now())


async def test_auto_answers_a_burst_once_with_its_own_words(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator([("oh nice", "tell me more")])
    async with house.running(generator):
        for text in ("hey", "you know what", "i found it"):
            await house.sandbox.say(anna.id, house.owner_id, text)
        await house.heard("sent", times=2)
        await settle()
    assert house.delivered() == ["oh nice", "tell me more"]
    assert house.delivered(anna.id) == ["oh nice", "tell me more"]
    assert len(generator.asked) == 1
    assert set(house.outcomes().values()) == {"suggested"}
    with house.archive() as archive:
        ours = [m for m in archive.recent(anna.id) if m.text in ("oh nice", "tell me more")]
        assert [m.by_twin for m in ours] == [True, True]


@pytest.mark.parametrize("mode", [Mode.OFF, None])
async def test_a_chat_that_is_off_or_not_listed_is_never_touched(house: Household, mode: Mode | None) -> None:
    anna, boris = person(house), person(house, 1)
    if mode:
        house.allow(anna.id, mode)
    house.allow(boris.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "are you there")
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("sent")
        await settle()
    assert house.delivered(anna.id) == []
    assert all(dialog_id == boris.id for dialog_id, _ in house.outcomes())


async def test_without_a_consent_for_the_whole_chat_nothing_is_said_or_kept(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO, Scope.OWN)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "a word nobody may keep")
        await settle(1.5)
    assert house.delivered() == []
    with house.archive() as archive:
        assert archive.count(anna.id) == 0


async def test_revoking_the_consent_silences_a_running_twin(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        with house.archive() as archive:
            Ledger(archive).revoke(anna.id, now())
        await house.sandbox.say(anna.id, house.owner_id, "still there?")
        await settle(1.5)
    assert house.delivered() == []


async def test_machines_groups_channels_and_the_service_account_are_never_answered(house: Household) -> None:
    with house.archive() as archive:
        others = [dialog for dialog in archive.dialogs() if not dialog.with_a_person]
        for dialog in others:  # even with a consent record that should not exist
            Ledger(archive).grant(dialog.id, Scope.CHAT, "x", "x", now())
    assert {"bot", "service", "group", "channel", "deleted"} <= {str(dialog.kind) for dialog in others}
    with house.live() as live:
        for dialog in others:  # nor does a row forced into the table help
            live.db.execute("REPLACE INTO policy VALUES (?, 'auto', ?)", (dialog.id, now().timestamp()))
    async with house.running():
        for dialog in others:
            if dialog.id > 0 and str(dialog.kind) not in ("deleted", "self"):
                await house.sandbox.say(dialog.id, house.owner_id, "hello human")
        await settle(1.5)
    assert house.delivered() == []
    assert house.outcomes() == {}


async def test_draft_puts_the_words_into_the_input_box_and_sends_nothing(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
    assert house.sandbox.town.boxes[house.owner_id].drafts[anna.id].text == "sounds good"
    assert house.delivered() == []


async def test_a_draft_the_owner_began_is_never_overwritten(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    await house.sandbox.draft(house.owner_id, anna.id, "half a thou")
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.sandbox.town.boxes[house.owner_id].drafts[anna.id].text == "half a thou"


async def test_an_untouched_draft_goes_away_when_a_newer_message_comes(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    gate = threading.Event()
    gate.set()
    async with house.running(RecordedGenerator([("one",), ("two",)], gate)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        gate.clear()
        await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
        await house.heard("superseded")
        await until(lambda: anna.id not in house.sandbox.town.boxes[house.owner_id].drafts)
        gate.set()
        await house.heard("offered", times=2)


async def test_ask_waits_for_the_owner_and_sends_what_was_approved(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert house.delivered() == []
        assert review(house, "approve")
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]
    assert [s.state for s in house.suggestions()] == [State.SENT]


async def test_an_edited_suggestion_goes_out_in_the_owners_version(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "edit", ["sounds very good", "glad"])
        await house.heard("sent", times=2)
    assert house.delivered() == ["sounds very good", "glad"]


async def test_another_brings_a_second_suggestion_for_the_same_message(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running(RecordedGenerator([("one",), ("two",)])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "another")
        await house.heard("offered", times=2)
    assert [(s.texts, s.state) for s in house.suggestions()] == [
        (("one",), State.SUPERSEDED),
        (("two",), State.OFFERED),
    ]
    assert house.delivered() == []


async def test_skipping_sends_nothing_and_ends_it(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        assert review(house, "skip")
        await settle()
    assert house.delivered() == []
    assert [s.state for s in house.suggestions()] == [State.SKIPPED]


async def test_an_approval_of_an_outdated_suggestion_sends_nothing(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    gate = threading.Event()
    gate.set()
    async with house.running(RecordedGenerator([("one",), ("two",)], gate)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        with house.archive() as archive, house.live() as live:
            desk = Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now)
            (old,) = desk.waiting()
            gate.clear()
            await house.sandbox.say(anna.id, house.owner_id, "wait, something else")
            await house.heard("incoming", times=2)
            assert not desk.approve(old)
        await settle()
    assert house.delivered() == []


async def test_the_owner_answering_from_the_phone_ends_the_suggestion(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("owner_answered")
    (suggestion,) = house.suggestions()
    assert (suggestion.state, suggestion.final) == (State.OWNER_ANSWERED, ("it was!!",))
    assert house.delivered() == []


async def test_the_owner_answering_stops_a_reply_in_the_making(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await until(lambda: bool(generator.asked))
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        await house.heard("owner_answered")
        await settle()
    assert generator.stopped == 1
    assert house.delivered() == []
    assert set(house.outcomes().values()) == {"owner_answered"}


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


async def test_pause_from_another_process_stops_a_reply_in_the_making_and_survives_a_restart(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    async with house.running(generator):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await until(lambda: bool(generator.asked))
        with house.live() as live:
            Control(live).pause()
        await until(lambda: generator.stopped > 0)
    async with house.running():
        await settle()
        assert house.delivered() == []
        with house.live() as live:
            Control(live).resume()
        await house.heard("sent")
    assert house.delivered() == ["sounds good"]


async def test_nothing_approved_goes_out_while_paused(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        with house.live() as live:
            Control(live).pause()
        assert review(house, "approve")
        await settle()
    assert house.delivered() == []


async def test_the_owner_pauses_from_saved_messages_and_nobody_else_can(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, ".twin pause")
        await house.heard("sent")
        assert not paused(house)
        await house.sandbox.say(house.owner_id, house.owner_id, ".twin pause")
        await until(lambda: paused(house))


async def test_without_a_calibrated_confidence_auto_asks(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(confidence=unsure):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.delivered() == []


async def test_without_an_adapter_auto_asks(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(adapter=""):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.delivered() == []


async def test_what_is_never_automatic_is_held_and_a_crisis_tells_the_owner_at_once(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "i want to kill myself")
        await house.heard("held")
        await settle()
    assert house.delivered() == []
    notices = [d for d in house.sandbox.journal.deliveries if d.peer_id == house.owner_id and d.via_session is not None]
    assert len(notices) == 1


async def test_after_many_replies_without_the_owner_auto_asks(tmp_path: Path) -> None:
    async with Sandbox(small_town()) as sandbox, household(sandbox, tmp_path, in_a_row=2) as house:
        anna = person(house)
        house.allow(anna.id, Mode.AUTO)
        async with house.running(RecordedGenerator([("first thing",), ("second thing",), ("third thing",)])):
            for number in (1, 2):
                await sandbox.say(anna.id, house.owner_id, f"lunch was great {'!' * number}")
                await house.heard("sent", times=number)
            await sandbox.say(anna.id, house.owner_id, "really")
            await house.heard("offered", because="many replies without the owner")
            await sandbox.say(house.owner_id, anna.id, "it's me now")
            await house.heard("owner_answered")
            await sandbox.say(anna.id, house.owner_id, "oh hi")
            await house.heard("sent", times=3)


async def test_messages_that_came_while_the_client_was_away_are_answered_once(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.AUTO)
    house.allow(boris.id, Mode.AUTO)
    async with house.running():
        pass
    await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
    await house.sandbox.say(boris.id, house.owner_id, "did you see it")
    await house.sandbox.say(house.owner_id, boris.id, "yes i did")
    async with house.running():
        await house.heard("sent")
        await settle()
    assert house.delivered() == ["sounds good"]
    assert house.delivered(anna.id) == ["sounds good"]


async def test_old_history_is_never_answered(house: Household) -> None:
    anna = person(house)
    await house.sandbox.say(anna.id, house.owner_id, "an old question")
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await settle(1.5)
    assert house.delivered() == []
    assert house.outcomes() == {}


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


async def test_a_deleted_trigger_ends_its_suggestion(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        message_id = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        await house.sandbox.unsend(message_id)
        await house.heard("superseded")
        await settle()
    assert [s.state for s in house.suggestions()] == [State.SUPERSEDED]
    assert house.delivered() == []


async def test_the_client_goes_on_after_the_server_restarts(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running(RecordedGenerator([("first thing",), ("second thing",)])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("sent")
        await house.sandbox.restart()
        await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
        await house.heard("sent", times=2, within=60)
    assert house.delivered() == ["first thing", "second thing"]


async def test_updates_out_of_order_are_answered_once_in_order(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    generator = RecordedGenerator()
    async with house.running(generator):
        house.sandbox.faults.reorder_updates(3)
        for text in ("one", "two", "three"):
            await house.sandbox.say(anna.id, house.owner_id, text)
        await house.heard("sent")
        await settle()
    assert house.delivered() == ["sounds good"]
    (turn,) = [turn for turn in generator.asked[-1].turns if "three" in turn.texts]
    assert turn.texts[-3:] == ("one", "two", "three")


async def test_the_expiry_of_auto_is_seen_by_a_running_client(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    with house.live() as live:
        live.db.execute("UPDATE policy SET set_at = set_at - 8 * 86400")
        assert Policy(live, house.settings.live).mode(anna.id, now()) is Mode.ASK
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="review")
    assert house.delivered() == []
