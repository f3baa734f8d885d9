"""`bench.live` in small: the same checks, and that they can say no."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.live import day, kills, leaks, limits, machine, overhead, owner, pauses, planted, routing, steady
from bench.live.__main__ import BROKEN, kept, part, summed
from bench.live.boxes import Boxes
from bench.live.house import UNCAPPED, house
from bench.live.mould import mould
from bench.live.share import played, quantile
from bench.live.street import FIRST, OWNER
from bench.live.truth import Truth
from sandbox.journal import Event
from tests.household import now


def unbroken(found: dict[str, Any], *also: str) -> dict[str, Any]:
    """These counts; nothing in them may be broken."""
    assert {name: n for name, n in summed({"check": found}).items() if name in (*BROKEN, *also) and n} == {}
    return found


def test_thirty_runs_of_the_state_machine_break_nothing(long: bool) -> None:
    found = unbroken(machine.check(2_000 if long else 30, 1), "out_of_order", "crashed", "sandbox_failures")
    assert found["runs"] >= (2_000 if long else 30)
    assert found["delivered"] > 20


def test_turns_of_chats_with_shared_names_and_numbers_arrive_where_they_belong() -> None:
    found = unbroken(played(lambda m, f: routing.check(m, f, 120), 50))
    assert found["replies"] >= 100
    assert found["machines"] >= 3


def test_the_owner_wins_and_two_twins_stop() -> None:
    found = unbroken(played(lambda m, f: owner.check(m, f, 20), 10))
    assert found["sent_before"] > 0
    assert found["drafts_placed"] > 0
    assert 1 <= found["twin_replies_max"] <= 6


def test_caps_and_quiet_hours_hold_over_restarts_and_jumps_of_a_day() -> None:
    found = unbroken(played(lambda m, f: limits.check(m, f, 5)), "over_caps", "in_quiet_hours")
    assert found["automatic_turns"] > 20


def test_a_day_with_restarts_loses_nothing() -> None:
    found = unbroken(played(lambda m, f: day.check(m, f, 60, 2), 3))
    assert found["day_replies"] >= 60
    assert found["memory_growth_bytes"] < 50_000_000
    assert 1_000 < found["day_server_growth_bytes"] / (60 * (1 - day.WARM)) < 10_000, "what a message is to the server"


def test_pauses_in_whatever_the_twin_is_at_stop_it() -> None:
    found = played(lambda m, f: pauses.check(m, f, 5), hasty=False)
    assert found["pauses"] == 5
    assert found["pauses_in_vain"] == 0


def test_turns_without_a_model_are_measured() -> None:
    found = played(lambda m, f: overhead.check(m, f, 5), hasty=False)
    assert found["overhead_turns"] == 5


def test_kills_at_named_points_and_at_random_lose_and_double_nothing() -> None:
    few = ["a suggestion is committed", "a bubble is marked, nothing is on the wire", "a delivery is not yet committed"]
    found = unbroken(played(lambda m, f: kills.check(m, f, 1, few), hasty=False), "out_of_order")
    assert found["kill_points_missed"] == []
    assert found["recoveries"] > 0
    assert found["damage"] is None


def test_no_planted_credential_and_no_text_of_a_chat_is_printed_at_debug_level_or_by_a_bug() -> None:
    few = ["login", "run", "review"]
    found = unbroken(played(lambda m, f: leaks.check(m, f, 1, few), hasty=False), "credentials_leaked", "texts_in_logs")
    assert found["leaks"] == []
    assert found["forced_tracebacks"] > 0


@pytest.mark.long
def test_an_event_loop_is_measured_while_a_real_model_writes() -> None:
    found = played(lambda m, f: steady.check(m, f, 2), hasty=False)
    assert found["generated_turns"] == 2


def test_a_long_run_may_be_had_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [("machine", {"runs": 1500, "steps": 9}), ("machine", {"runs": 500, "steps": 1}), ("routing", {"turns": 7})]
    lines = [json.dumps({"check": name, "long": True, "found": found}) for name, found in rows]
    file.write_text("\n".join(lines) + "\n")
    found = part(("machine", "routing"), True, file)
    assert found == kept(file, True) == {"machine": {"runs": 2000, "steps": 10}, "routing": {"turns": 7}}
    assert kept(file, False) == {}


# --- the judges can say no


def test_a_secret_that_is_printed_is_found_where_it_must_not_be() -> None:
    search = leaks.Search({"token": planted.TOKEN, "message 0": planted.WRITTEN[0]})
    search.through("review", f"they: {planted.messages()[0]}", "")
    assert (search.leaked, search.texts) == (set(), 0), "the owner is shown what people write"
    search.through("run", "", f"cannot be read: {planted.messages()[0]}")
    search.through("doctor", planted.TOKEN, "")
    assert (search.leaked, search.texts) == ({"message 0 in run", "token in doctor"}, 1)


async def test_what_arrives_in_a_pause_twice_or_elsewhere_is_noticed(tmp_path: Path) -> None:
    async with house(await mould(tmp_path / "mould"), tmp_path / "house", **UNCAPPED) as here, here.at_work():
        truth = Truth(here)
        truth.begin()
        await truth.said(FIRST)
        assert await here.until(lambda: here.counts["sent"] > 0 and truth.settled())
        truth.check()
        assert +truth.broken == {}
        truth.begin()
        await truth.said(FIRST)
        assert await here.until(lambda: here.counts["sent"] > 1 and truth.settled())
        truth.paused_at = 0.0
        truth.check()
        assert truth.broken["sent_after_pause"] > 0
        truth.paused_at = None
        here.recording.said = dict.fromkeys(here.recording.said, FIRST + 1)
        here.sandbox.journal.deliveries.append(here.delivered()[-1])
        here.rows.db.execute("UPDATE outbox SET message_id = -message_id")
        truth.finish(False)
    assert {"misrouted", "duplicates", "unsettled"} <= truth.broken.keys()


def test_a_replaced_text_of_the_owner_counts_whether_it_was_put_back_or_not() -> None:
    boxes, chat = Boxes(), FIRST
    for owners, text in ((True, "dear"), (False, ""), (False, "dear"), (True, ""), (False, "yes"), (True, "yes but")):
        boxes.read([Event(now(), "draft", OWNER, chat, {"text": text}, None if owners else 1)])
    assert boxes.counts == {"drafts_placed": 1, "overwrites": 1, "drafts_given_back": 1}
    assert boxes.gone == 0
    boxes.read([Event(now(), "draft", OWNER, chat, {"text": "no"}, 1)])
    assert boxes.counts == {"drafts_placed": 2, "overwrites": 2, "drafts_given_back": 1}
    assert boxes.gone == 1


def test_replies_that_crowd_are_over_the_cap() -> None:
    assert limits._crowded([0, 1, 2, 30], 10, 2) == 1
    assert limits._crowded([0, 11, 22, 33], 10, 1) == 0
    assert quantile([3, 1, 2], 0.5) == 2
