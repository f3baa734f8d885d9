"""Modes fail closed, and the limits count automatic replies as turns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.settings import LiveSettings
from data.message import Dialog, Kind

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ANNA = Dialog(5, Kind.PRIVATE, "Anna")


@pytest.fixture
def live(tmp_path: Path):
    live = LiveDb(tmp_path / "live.db")
    yield live
    live.close()


def replied(live: LiveDb, dialog_id: int, at: datetime, bubbles: int = 1, surface: str = "auto") -> None:
    """A reply that went out."""
    (upto,) = live.db.execute("SELECT count(*) FROM suggestions").fetchone()
    (number,) = live.db.execute(
        "INSERT INTO suggestions (dialog_id, upto_id, attempt, state, mode, texts, outcome, reasons, adapter,"
        " created_at, changed_at, surface)"
        " VALUES (?, ?, 0, 'sent', 'auto', '[]', 'pass', '[]', '', 0, 0, ?) RETURNING id",
        (dialog_id, upto, surface),
    ).fetchone()
    for position in range(bubbles):
        live.db.execute(
            "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at, attempted_at)"
            " VALUES (?, ?, ?, ?, '', 'sent', 0, ?)",
            (number, position, dialog_id, number * 100 + position, at.timestamp()),
        )


def test_a_chat_nobody_listed_is_off(live: LiveDb) -> None:
    policy = Policy(live, LiveSettings())
    assert policy.mode(5, NOW) is Mode.OFF
    assert policy.modes(NOW) == {}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.PRIVATE, Kind.GROUP)])
def test_machines_channels_and_oneself_can_never_be_listed(live: LiveDb, kind: Kind) -> None:
    policy = Policy(live, LiveSettings())
    with pytest.raises(ValueError, match="not a person"):
        policy.set_mode(Dialog(7, kind, "x"), Mode.AUTO, NOW)
    assert policy.mode(7, NOW) is Mode.OFF


def test_the_service_account_can_never_be_listed_whatever_it_looks_like(live: LiveDb) -> None:
    with pytest.raises(ValueError, match="not a person"):
        Policy(live, LiveSettings()).set_mode(Dialog(777000, Kind.PRIVATE, "Telegram"), Mode.DRAFT, NOW)


def test_auto_falls_back_to_ask_after_a_week(live: LiveDb) -> None:
    policy = Policy(live, LiveSettings())
    policy.set_mode(ANNA, Mode.AUTO, NOW)
    assert policy.mode(5, NOW + timedelta(days=6.9)) is Mode.AUTO
    assert policy.mode(5, NOW + timedelta(days=7.1)) is Mode.ASK


@pytest.mark.parametrize(
    ("span", "most", "elsewhere"),
    [
        (timedelta(seconds=20), 1, False),
        (timedelta(hours=1), 10, False),
        (timedelta(days=1), 40, False),
        (timedelta(days=1), 100, True),
    ],
)
def test_a_cap_lets_its_last_reply_out_and_not_one_more(
    live: LiveDb, span: timedelta, most: int, elsewhere: bool
) -> None:
    policy = Policy(live, LiveSettings())
    oldest = NOW - span + timedelta(seconds=1)
    for number in range(most - 1):
        replied(live, 100 + number if elsewhere else 5, oldest)
    assert policy.against_auto(5, NOW) is None
    replied(live, 99 if elsewhere else 5, oldest)
    assert policy.against_auto(5, NOW) is not None
    assert policy.against_auto(5, NOW + timedelta(seconds=2)) is None


def test_a_reply_of_five_bubbles_counts_once(live: LiveDb) -> None:
    policy = Policy(live, LiveSettings(chat_seconds=0, chat_hour=2))
    replied(live, 5, NOW, bubbles=5)
    assert policy.against_auto(5, NOW + timedelta(seconds=1)) is None


def test_what_the_owner_approved_is_not_counted(live: LiveDb) -> None:
    policy = Policy(live, LiveSettings(chat_hour=1))
    replied(live, 5, NOW, surface="terminal")
    assert policy.against_auto(5, NOW + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("hours", "zone", "clock", "quiet"),
    [
        ("23:00-07:30", "UTC", "2026-03-03T23:00", True),
        ("23:00-07:30", "UTC", "2026-03-03T02:00", True),
        ("23:00-07:30", "UTC", "2026-03-03T07:30", False),
        ("13:00-14:00", "UTC", "2026-03-03T13:59", True),
        ("13:00-14:00", "UTC", "2026-03-03T14:00", False),
        # The night the clocks go forward in Berlin: 01:30 UTC is 03:30 there.
        ("02:00-03:30", "Europe/Berlin", "2026-03-29T01:30", False),
        ("02:00-03:31", "Europe/Berlin", "2026-03-29T01:30", True),
        ("", "UTC", "2026-03-03T03:00", False),
    ],
)
def test_quiet_hours_follow_the_owners_clock(live: LiveDb, hours: str, zone: str, clock: str, quiet: bool) -> None:
    policy = Policy(live, LiveSettings(quiet_hours=hours), ZoneInfo(zone))
    moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    assert (policy.against_auto(5, moment) == "quiet hours") is quiet
