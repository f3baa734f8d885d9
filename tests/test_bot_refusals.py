"""What Telegram refuses in one chat ends there, with a word to the owner, and holds up nothing else."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bot.clocks import Clocks
from bot.control import Control
from bot.gate import Gate
from bot.outbox import Outbox
from bot.policy import Mode, Policy
from bot.silence import silence
from bot.suggestion import State
from data.telegram import connect
from tests.fakes import RecordedGenerator
from tests.household import Household, approved_row, now, person, review, settle, told, until

REFUSALS = [
    (400, "PEER_ID_INVALID", "does not know this chat"),
    (400, "USER_IS_BLOCKED", "has blocked you"),
    (400, "YOU_BLOCKED_USER", "you have blocked"),
    (400, "INPUT_USER_DEACTIVATED", "was deleted"),
    (403, "USER_DELETED", "was deleted"),
    (400, "CHAT_RESTRICTED", "does not let you write"),
    (403, "CHAT_WRITE_FORBIDDEN", "does not let you write"),
    (406, "PRIVACY_PREMIUM_REQUIRED", "Telegram refused it"),
]


def forget_access(house: Household, dialog_id: int) -> None:
    """Lose what the login knows of somebody: as after a new login, or when an account is gone."""
    with sqlite3.connect(house.home.session) as session:
        session.execute("DELETE FROM entities WHERE id = ?", (dialog_id,))
    session.close()


async def test_a_reply_that_telegram_refuses_is_cancelled_and_told_once_and_the_next_chat_is_answered(
    house: Household,
) -> None:
    anna, boris = person(house), person(house, 1)
    for each in (anna, boris):
        house.allow(each.id, Mode.AUTO)
    replies = [(f"fine {'!' * n}",) for n in range(len(REFUSALS) + 1)]
    async with house.running(RecordedGenerator(replies)):
        for n, (code, message, _) in enumerate(REFUSALS, 1):
            house.sandbox.faults.refuse("SendMessage", code, message)
            await house.sandbox.say(anna.id, house.owner_id, f"lunch was great {'!' * n}")
            await until(lambda n=n: len(told(house)) == n)
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("sent", dialog=boris.id)
    assert {s.state for s in house.suggestions() if s.dialog_id == anna.id} == {State.CANCELLED}
    for notice, (_, _, reason) in zip(told(house), REFUSALS, strict=True):
        assert anna.title in notice
        assert reason in notice
    assert house.delivered(anna.id) == []


@pytest.mark.parametrize("who", ["they", "the owner"])
async def test_between_two_of_whom_one_has_blocked_the_other_the_owner_is_told_once(house: Household, who: str) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    accounts = house.sandbox.town.accounts
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        blocker, blocked = (anna.id, house.owner_id) if who == "they" else (house.owner_id, anna.id)
        accounts[blocker].blocked.add(blocked)
        assert review(house, "approve")
        await until(lambda: bool(told(house)))
    assert [s.state for s in house.suggestions()] == [State.CANCELLED]
    assert (house.delivered(), len(told(house))) == ([], 1)
    assert ("has blocked you" if who == "they" else "you have blocked") in told(house)[0]


async def test_a_draft_that_telegram_refuses_is_shown_in_review_instead(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        for n, (code, message, _) in enumerate(REFUSALS, 1):
            house.sandbox.faults.refuse("SaveDraft", code, message)
            await house.sandbox.say(anna.id, house.owner_id, f"lunch was great {'!' * n}")
            await house.heard("offered", times=n, surface="review")
        assert [e["event"] for e in house.events].count("trouble") == 0


@pytest.mark.parametrize(
    ("request_name", "code", "message"),
    [("SaveDraft", *REFUSALS[0][:2]), ("GetPeerDialogs", *REFUSALS[3][:2]), ("SaveDraft", *REFUSALS[5][:2])],
)
async def test_a_draft_that_cannot_be_taken_out_is_told_once_and_holds_up_nothing(
    house: Household, request_name: str, code: int, message: str
) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.DRAFT)
    house.allow(boris.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        house.sandbox.faults.refuse(request_name, code, message, times=100)
        with house.live() as live:
            silence(live, anna.id, now())
        await house.heard("draft_left")
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("offered", surface="review")
        assert review(house, "approve")
        await house.heard("sent", dialog=boris.id)
        await settle(0.5)
    assert len(told(house)) == 1
    assert anna.title in told(house)[0]


async def test_a_draft_whose_removal_must_wait_is_taken_out_later_and_holds_up_nothing(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.DRAFT)
    house.allow(boris.id, Mode.AUTO)
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        house.sandbox.faults.flood("SaveDraft", 4)
        with house.live() as live:
            silence(live, anna.id, now())
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("sent", dialog=boris.id)
        assert anna.id in drafts
        await until(lambda: anna.id not in drafts)
    assert told(house) == []


async def test_a_draft_in_a_chat_that_this_login_does_not_know_does_not_end_the_client(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.DRAFT)
    house.allow(boris.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
    with house.live() as live:
        silence(live, anna.id, now())
    forget_access(house, anna.id)
    async with house.running():
        await house.heard("draft_left")
        await house.sandbox.say(boris.id, house.owner_id, "hello")
        await house.heard("sent", dialog=boris.id)
    assert len(told(house)) == 1


# --- the sender alone, over a real connection


@asynccontextmanager
async def sender(house: Household) -> AsyncIterator[Outbox]:
    """An outbox over a connection of its own."""
    with house.archive() as archive, house.live() as live:
        gate = Gate(archive, Policy(live, house.settings.live), Control(live), timedelta(hours=3))
        async with connect(house.login) as client:
            yield Outbox(client, live, archive, gate, house.emit, Clocks(now), 0.0)


async def asked(house: Household) -> None:
    """Somebody wrote in a chat in `ask`, and a suggestion waits."""
    house.allow(person(house).id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(person(house).id, house.owner_id, "lunch was great")
        await house.heard("offered")


async def test_a_reply_to_a_chat_that_this_login_does_not_know_is_cancelled_and_told(house: Household) -> None:
    await asked(house)
    forget_access(house, person(house).id)
    async with sender(house) as outbox:
        approved_row(outbox.bubbles)
        while await outbox.step() == 0.0:
            pass
    assert [s.state for s in house.suggestions()] == [State.CANCELLED]
    assert len(told(house)) == 1
    assert "does not know this chat" in told(house)[0]


@pytest.mark.parametrize("gone", ["unknown here", "refused"])
async def test_a_lost_answer_in_a_chat_that_is_gone_is_unknown_and_told(house: Household, gone: str) -> None:
    await asked(house)
    if gone == "unknown here":
        forget_access(house, person(house).id)
    else:
        house.sandbox.faults.refuse("GetHistory", 400, "PEER_ID_INVALID")
    async with sender(house) as outbox:
        assert outbox.bubbles.attempt(approved_row(outbox.bubbles))
        await outbox.step()
        await outbox.step()
    assert [s.state for s in house.suggestions()] == [State.UNKNOWN]
    assert len(told(house)) == 1


async def test_what_is_planned_where_history_cannot_be_read_is_still_cancelled_when_it_is_paused(
    house: Household,
) -> None:
    await asked(house)
    async with sender(house) as outbox:
        approved_row(outbox.bubbles)
        assert await outbox.step(lambda _: False) is None
        Control(outbox.live).pause()
        await outbox.step(lambda _: False)
    assert [s.state for s in house.suggestions()] == [State.CANCELLED]
    assert house.delivered() == []


async def test_the_day_after_peer_flood_is_one_of_telegrams(house: Household) -> None:
    await asked(house)
    house.sandbox.faults.refuse("SendMessageRequest", 400, "PEER_FLOOD")
    async with sender(house) as outbox:
        outbox.clocks.compare(there := now() + timedelta(days=2))
        approved_row(outbox.bubbles)
        while await outbox.step() == 0.0:
            pass
        limited = outbox.gate.policy.limited_until() - there
    assert timedelta(days=1) <= limited < timedelta(days=1, minutes=5)


async def test_an_ended_login_leaves_the_reply_planned(house: Household) -> None:
    await asked(house)
    house.sandbox.faults.refuse("SendMessage", 401, "SESSION_REVOKED")
    async with sender(house) as outbox:
        approved_row(outbox.bubbles)
        with pytest.raises(Exception, match="session"):
            await outbox.step()
        assert [b.state for b in outbox.bubbles.next()] == ["planned"]
