"""The inbox: a burst is one turn, and every message has exactly one outcome."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.inbox import Inbox, Outcome, Ready
from bot.livedb import LiveDb

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def inbox(tmp_path: Path):
    live = LiveDb(tmp_path / "live.db")
    yield Inbox(live, timedelta(seconds=8))
    live.close()


def test_a_burst_is_ready_once_and_only_when_quiet(inbox: Inbox) -> None:
    for second, message_id in enumerate((11, 12, 13)):
        inbox.add(5, message_id, "hey", after(second))
    assert inbox.ready(after(9.9)) == []
    assert inbox.ready(after(10)) == [Ready(5, 13, after(2).timestamp())]


def test_a_chat_waits_while_the_other_side_types(inbox: Inbox) -> None:
    inbox.add(5, 11, "hey", NOW)
    inbox.typing(5, after(7))
    assert inbox.ready(after(9)) == []
    assert [chat.dialog_id for chat in inbox.ready(after(13))] == [5]


def test_a_message_that_comes_twice_is_noted_once(inbox: Inbox) -> None:
    assert inbox.add(5, 11, "hey", NOW)
    inbox.settle(5, 11, Outcome.SUGGESTED, 1)
    assert not inbox.add(5, 11, "hey", after(60))
    assert inbox.ready(after(120)) == []


def test_an_outcome_is_given_once_and_never_changed(inbox: Inbox) -> None:
    inbox.add(5, 11, "hey", NOW)
    assert inbox.settle(5, 11, Outcome.OWNER_ANSWERED) == 1
    assert inbox.settle(5, 11, Outcome.EXPIRED) == 0
    (outcome,) = inbox.live.db.execute("SELECT outcome FROM inbox").fetchone()
    assert outcome == "owner_answered"


def test_settling_one_chat_leaves_another_with_the_same_ids_waiting(inbox: Inbox) -> None:
    inbox.add(5, 11, "hey", NOW)
    inbox.add(6, 11, "hey", NOW)
    inbox.add(7, 11, "hey", NOW)
    inbox.settle(5, 11, Outcome.OFF)
    assert [chat.dialog_id for chat in inbox.waiting()] == [6, 7]
    inbox.settle_turn(inbox.waiting()[0], Outcome.OFF)
    assert [chat.dialog_id for chat in inbox.waiting()] == [7]


def test_settling_one_topic_leaves_the_others_waiting(inbox: Inbox) -> None:
    for message_id, topic in ((11, 3), (12, None), (13, 4)):
        inbox.add(-5, message_id, "hey", NOW, topic)
    (last,) = [chat for chat in inbox.waiting() if chat.topic_id == 4]
    assert inbox.turn(last) == [13]
    inbox.settle_turn(last, Outcome.SUGGESTED, 1)
    assert [chat.upto_id for chat in inbox.waiting()] == [12, 11]


def test_wanting_another_suggestion_opens_just_its_messages_again(inbox: Inbox) -> None:
    inbox.add(5, 11, "hey", NOW)
    inbox.settle(5, 11, Outcome.SUGGESTED, 1)
    inbox.add(5, 12, "hey", NOW)
    inbox.settle(5, 12, Outcome.SUGGESTED, 2)
    inbox.reopen(2)
    assert inbox.waiting() == [Ready(5, 12, NOW.timestamp())]


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    first = LiveDb(tmp_path / "again.db")
    Inbox(first, timedelta(0)).add(5, 11, "hey", NOW)
    first.close()
    second = LiveDb(tmp_path / "again.db")
    assert Inbox(second, timedelta(0)).waiting() == [Ready(5, 11, NOW.timestamp())]
    second.close()
