"""The live client against a real server: answered once, in the right chat, whatever the network does."""

import asyncio
import sqlite3
from typing import Any

import pytest
from telethon.tl import types

from bot.live import Live, end
from bot.policy import Mode
from bot.suggestion import State
from data.consent import Ledger
from data.transcript import Scope
from sandbox.box import Post
from tests.fakes import RecordedGenerator
from tests.household import Household, now, person, settle


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
    states = [e.kind for e in house.sandbox.events if e.account_id == house.owner_id and e.via_session is not None]
    assert {"read", "online"}.isdisjoint(states), "no state of the owner is faked"


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


async def test_a_chat_that_became_narrower_is_kept_as_marks_and_its_events_are_not_kept(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.ASK)
    house.allow(boris.id, Mode.ASK)
    async with house.running():
        known = await house.sandbox.say(anna.id, house.owner_id, "an early zebrawood")
        await house.heard("offered")
        with house.archive() as archive:
            assert archive.message(anna.id, known).text == "an early zebrawood"
            Ledger(archive).grant(anna.id, Scope.OWN, "test", "test", now())
            before = archive.messages(anna.id)
        await house.sandbox.say(anna.id, house.owner_id, "a late zebrawood")
        await house.sandbox.edit(known, "a zebrawood that was corrected")
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("offered", dialog=boris.id)
    with house.archive() as archive:
        assert archive.messages(anna.id) == before
        assert not any("zebrawood" in message.text for message in before)


async def test_no_consent_ends_between_the_look_at_it_and_the_writing(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    refused = []

    def emit(event: str, **fields: Any) -> None:
        Household.emit(house, event, **fields)
        if event == "incoming":
            with house.archive() as archive:
                archive.db.execute("PRAGMA busy_timeout = 0")
                try:
                    Ledger(archive).revoke(anna.id, now())
                except sqlite3.OperationalError:
                    refused.append(fields["message"])

    monkeypatch.setattr(house, "emit", emit)
    async with house.running():
        live = await house.sandbox.say(anna.id, house.owner_id, "while it runs")
        await house.heard("incoming")
    away = await house.sandbox.say(anna.id, house.owner_id, "while it was away")
    missed = house.sandbox.faults.hold("GetDifference")  # so that the reading of history finds it, and no event
    async with house.running():
        await house.heard("incoming")
        missed.release()
    assert refused == [live, away]


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
            live.db.execute(
                "REPLACE INTO policy (dialog_id, mode, set_at) VALUES (?, 'auto', ?)", (dialog.id, now().timestamp())
            )
    async with house.running():
        for dialog in others:
            if dialog.id > 0 and str(dialog.kind) not in ("deleted", "self"):
                await house.sandbox.say(dialog.id, house.owner_id, "hello human")
        await settle(1.5)
    assert house.delivered() == []
    assert house.outcomes() == {}


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
        await house.heard("sent", times=2)
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


async def test_calls_and_what_merely_happens_are_never_answered_and_do_not_hide_a_question(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)

    def happens(sender: int, action: Any) -> None:
        peer = house.owner_id if sender == anna.id else anna.id
        house.sandbox.deliver(Post(sender, peer, house.sandbox.town.clock.now(), "", action=action))

    missed = types.MessageActionPhoneCall(1, reason=types.PhoneCallDiscardReasonMissed())
    async with house.running():
        happens(anna.id, missed)
    happens(anna.id, types.MessageActionPinMessage())  # while it is away, so that the reading of history brings it
    happens(anna.id, missed)
    async with house.running():
        await settle()
    assert (house.outcomes(), house.suggestions()) == ({}, [])
    asked = await house.sandbox.say(anna.id, house.owner_id, "did you see my call?")
    happens(house.owner_id, types.MessageActionPinMessage())
    async with house.running():
        await house.heard("offered", dialog=anna.id)
    assert list(house.outcomes()) == [(anna.id, asked)]
    with house.archive() as archive:
        assert [m.media for m in archive.messages(anna.id) if m.media] == [
            "[call missed]",
            "[pin message]",
            "[call missed]",
            "[pin message]",
        ]


@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_in_the_very_moment_something_is_heard_ends_the_client(
    house: Household, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Live] = []
    original = Live.run

    async def run(self: Live, stop: asyncio.Event) -> None:
        started.append(self)
        await original(self, stop)

    async def wake() -> None:
        for _ in range(turns):  # of the event loop, so that one of them falls between "heard" and "looked"
            await asyncio.sleep(0)
        started[0]._wake.set()

    monkeypatch.setattr(Live, "run", run)
    async with asyncio.timeout(120):
        async with house.running():
            waking = asyncio.create_task(wake())
        await waking


async def test_a_task_that_loses_its_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def careless() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(careless())
    await asyncio.sleep(0)
    async with asyncio.timeout(120):
        await end([task])
    assert task.cancelled()
    assert lost == 2
