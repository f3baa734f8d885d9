"""The kill switch lies in a row: other processes see it, and a restart keeps it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.control import Control
from bot.livedb import LiveDb

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def test_a_pause_holds_until_it_is_lifted_and_survives_a_restart(tmp_path: Path) -> None:
    first = LiveDb(tmp_path / "live.db")
    assert not Control(first).paused(NOW)
    Control(first).pause()
    first.close()
    second = LiveDb(tmp_path / "live.db")
    assert Control(second).paused(NOW + timedelta(days=400))
    Control(second).resume()
    assert not Control(second).paused(NOW)
    second.close()


def test_a_pause_for_a_while_ends_by_itself(tmp_path: Path) -> None:
    live = LiveDb(tmp_path / "live.db")
    Control(live).pause(until=NOW + timedelta(hours=1))
    assert Control(live).paused(NOW + timedelta(minutes=59))
    assert not Control(live).paused(NOW + timedelta(minutes=61))
    live.close()


def test_another_process_is_noticed_through_the_revision(tmp_path: Path) -> None:
    mine, theirs = LiveDb(tmp_path / "live.db"), LiveDb(tmp_path / "live.db")
    before = mine.revision
    Control(theirs).pause()
    assert mine.revision != before
    assert Control(mine).paused(NOW)
    mine.close()
    theirs.close()
