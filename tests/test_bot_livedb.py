"""`live.db` grows for years, and is looked at ten times a second."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.bubbles import Bubbles
from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.policy import Policy
from bot.settings import LiveSettings
from bot.suggestion import OPEN, State, Suggestions

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def test_a_look_at_the_rows_goes_through_no_table_however_much_has_ended_there(tmp_path: Path) -> None:
    with closing(LiveDb(tmp_path / "live.db")) as live:
        inbox, suggestions, bubbles = Inbox(live, timedelta(0)), Suggestions(live), Bubbles(live, lambda: NOW)
        asked: list[str] = []
        live.db.set_trace_callback(asked.append)
        inbox.ready(NOW)
        inbox.open_rows()
        suggestions.stale_drafts()
        suggestions.in_state(State.PENDING)
        suggestions.in_state(*OPEN)
        bubbles.sending()
        bubbles.next()
        bubbles.of_message(1, 2)
        bubbles.automatic(1)
        Policy(live, LiveSettings())._replies(None, NOW)
        Policy(live, LiveSettings())._replies(1, NOW)
        live.db.set_trace_callback(None)
        plans = {each: [row[3] for row in live.db.execute(f"EXPLAIN QUERY PLAN {each}")] for each in asked}
    assert len(plans) == 11
    read_whole = [step for plan in plans.values() for step in plan if step.startswith("SCAN")]
    assert all("inbox USING" in step and "inbox_open" in step for step in read_whole), read_whole
    assert not any("outbox_by_state" in step for each, plan in plans.items() if "'sent'" in each for step in plan)


def test_a_forgotten_chat_has_no_row_left_in_any_table(tmp_path: Path) -> None:
    with closing(LiveDb(tmp_path / "live.db")) as live:
        live.db.execute("PRAGMA foreign_keys = OFF")  # else the order of the tables would matter here
        tables = {
            name: [column["name"] for column in live.db.execute(f"PRAGMA table_info({name})")]
            for (name,) in live.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        of_chats = [name for name, columns in tables.items() if "dialog_id" in columns]
        for name in of_chats:
            for dialog_id in (1, 2):
                marks = ", ".join(str(dialog_id) for _ in tables[name])
                live.db.execute(f"INSERT INTO {name} VALUES ({marks})")
        live.forget(1)
        left = {name: live.db.execute(f"SELECT dialog_id FROM {name}").fetchall() for name in of_chats}
        assert {name: [row[0] for row in rows] for name, rows in left.items()} == {name: [2] for name in of_chats}
