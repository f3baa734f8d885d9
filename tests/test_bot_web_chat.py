"""What is done in one chat over a real socket: a pause, who agreed to what, and limits of its own."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot import renting
from bot.limits import Limits
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.silence import pause
from bot.suggestion import State
from data.archive import Archive
from data.consent import Consent, Ledger
from data.message import Dialog, Kind, Person
from data.samples import write_private
from data.transcript import Scope
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.hostile import TAGS
from tests.page_client import Client, opened
from tests.paper_house import ADAPTER, PaperHouse, furnish, paper_house
from training.remote import Rented

TEO, RAFI = JUNO + 1, JUNO + 3


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return furnish(paper_house(tmp_path))


@pytest.fixture
def client(house: PaperHouse) -> Iterator[Client]:
    with opened(house) as client:
        yield client


def mode(house: PaperHouse, dialog_id: int) -> Mode:
    with closing(LiveDb(house.home.live)) as live:
        return Policy(live, house.settings.live).mode(dialog_id, house.now)


def consent(house: PaperHouse, dialog_id: int) -> Consent | None:
    with closing(Archive(house.home.archive)) as archive:
        return Ledger(archive).of(dialog_id)


def test_a_pause_ends_what_is_under_way_in_that_chat_alone_and_resume_brings_its_mode_back(
    house: PaperHouse, client: Client
) -> None:
    waiting, approved = house.offer(RAFI, "and then?", "then home"), house.offer(RAFI, "when?", "soon")
    house.decide(approved, State.APPROVED)
    elsewhere = house.waiting()[0]
    assert "Resume as ask" in client.post(f"/chats/{RAFI}/pause").text
    assert mode(house, RAFI) is Mode.OFF
    assert [house.suggestion(each).state for each in (waiting, approved)] == [State.SUPERSEDED, State.CANCELLED]
    assert (mode(house, JUNO), elsewhere in house.waiting()) == (Mode.ASK, True)
    resumed = client.post(f"/chats/{RAFI}/resume").text
    assert 'aria-pressed="true">ask' in resumed
    assert mode(house, RAFI) is Mode.ASK
    assert house.suggestion(waiting).state is State.SUPERSEDED
    assert "not paused" in client.post(f"/chats/{RAFI}/resume").text


def test_what_the_companion_bot_paused_is_resumed_here(house: PaperHouse, client: Client) -> None:
    with closing(LiveDb(house.home.live)) as live:
        pause(live, TEO, house.now)
        pause(live, TEO, house.now)  # a second tap does not take the mode for off
    assert "Resume as draft" in client.get("/chats").text
    client.post(f"/chats/{TEO}/resume")
    assert mode(house, TEO) is Mode.DRAFT


def test_a_chat_that_was_switched_off_or_revoked_meanwhile_is_not_resumed(house: PaperHouse, client: Client) -> None:
    client.post(f"/chats/{RAFI}/pause")
    client.post(f"/chats/{RAFI}/off")
    client.post(f"/chats/{JUNO}/pause")
    client.post(f"/chats/{JUNO}/revoke")
    for chat in (RAFI, JUNO):
        assert "not paused" in client.post(f"/chats/{chat}/resume").text
        assert mode(house, chat) is Mode.OFF


def test_a_revoke_stops_replies_marks_what_was_learned_and_ends_the_record(house: PaperHouse, client: Client) -> None:
    approved = house.offer(JUNO, "are you in?", "i am")
    house.decide(approved, State.APPROVED)
    away = Rented("rented", "folder", time.time() + 1000, scopes={str(JUNO): "chat"})
    write_private(house.home.path / renting.NOTE, away.as_json())
    told = client.post(f"/chats/{JUNO}/revoke").text
    assert "Revoked, and off" in told
    assert "rented may still hold it" in told
    assert ADAPTER in told
    assert house.suggestion(approved).state is State.CANCELLED
    assert (mode(house, JUNO), consent(house, JUNO)) == (Mode.OFF, None)
    assert json.loads((house.home.adapters / ADAPTER / "card.json").read_text())["stale"] is True
    assert "without a record" in client.get(f"/chats/{JUNO}").text


def test_a_consent_is_recorded_with_its_scope_and_how_it_was_given(house: PaperHouse, client: Client) -> None:
    client.post(f"/chats/{JUNO}/revoke")
    client.post(f"/chats/{JUNO}/grant", ("scope", "chat"), ("how", "  asked on\nSunday "))
    made = consent(house, JUNO)
    assert made
    assert (made.scope, made.how, made.granted_by) == (Scope.CHAT, "asked on Sunday", "Noa Lindqvist")
    assert "asked on Sunday" in client.get(f"/chats/{JUNO}").text


def test_a_narrower_consent_masks_the_other_side_and_silences_the_chat(house: PaperHouse, client: Client) -> None:
    told = client.post(f"/chats/{JUNO}/grant", ("scope", "own")).text
    assert "marks of length and kind" in told
    with closing(Archive(house.home.archive)) as archive:
        theirs = [each for each in archive.messages(JUNO) if not each.mine]
    assert theirs
    assert [each.text for each in theirs if each.text] == []
    assert mode(house, JUNO) is Mode.OFF


@pytest.mark.parametrize("scope", ["", "everything"])
def test_no_scope_records_nothing(house: PaperHouse, client: Client, scope: str) -> None:
    client.post(f"/chats/{JUNO}/revoke")
    assert "Say what may be used" in client.post(f"/chats/{JUNO}/grant", ("scope", scope)).text
    assert consent(house, JUNO) is None


def test_in_a_group_each_member_agrees_and_revokes_alone(house: PaperHouse, client: Client) -> None:
    with closing(Archive(house.home.archive)) as archive:
        archive.save_dialogs([Dialog(-5, Kind.GROUP, "Choir")])
        archive.save_people([Person(71, Kind.PRIVATE, "Ana", "ana"), Person(72, Kind.PRIVATE, "Bo", "bo")])
    assert "each member agrees alone" in client.post("/chats/-5/grant", ("scope", "chat")).text
    assert "Nobody called" in client.post("/chats/-5/grant", ("scope", "chat"), ("member", "@zoe")).text
    for name in ("@ana", "Bo"):
        client.post("/chats/-5/grant", ("scope", "chat"), ("member", name), ("how", "said so"))
    made = consent(house, -5)
    assert made
    assert made.members == {71, 72}
    told = client.post("/chats/-5/revoke", ("member", "71")).text
    assert "may still hold it" not in told
    assert "Revoked for Ana, and the group is off" in told
    assert "Still agreed there: Bo." in told
    made = consent(house, -5)
    assert made
    assert made.members == {72}
    with closing(Archive(house.home.archive)) as archive:
        archive.save_people([Person(73, Kind.PRIVATE, "Cy")])
    assert "Cy had no consent on record here." in client.post("/chats/-5/revoke", ("member", "73")).text


def test_limits_of_a_chat_hold_there_and_nowhere_else(house: PaperHouse, client: Client) -> None:
    client.post(f"/chats/{JUNO}/limits", ("chat_hour", "0"), ("chat_day", ""), ("quiet_hours", ""))
    client.post(f"/chats/{TEO}/limits", ("chat_hour", ""), ("chat_day", "7"), ("quiet_hours", "00:00 - 23:59:59"))
    with closing(LiveDb(house.home.live)) as live:
        policy = Policy(live, house.settings.live)
        assert policy.against_auto(JUNO, house.now) == "the hour's replies in this chat are used up"
        assert policy.against_auto(TEO, house.now) == "quiet hours"
        assert policy.against_auto(RAFI, house.now) is None
        assert Limits.of(live, TEO) == Limits(None, 7, "00:00-23:59:59")
    client.post(f"/chats/{JUNO}/limits", ("chat_hour", ""), ("chat_day", ""), ("quiet_hours", ""))
    with closing(LiveDb(house.home.live)) as live:
        assert Policy(live, house.settings.live).against_auto(JUNO, house.now) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("chat_hour", "-1"), ("chat_day", "many"), ("chat_day", "٣"), ("chat_hour", "9" * 7), ("quiet_hours", "at night")]
    + [("quiet_hours", tag) for tag in TAGS[:2]],
)
def test_limits_that_are_none_are_refused_kept_in_their_field_and_change_nothing(
    house: PaperHouse, client: Client, name: str, value: str
) -> None:
    told = client.post(f"/chats/{JUNO}/limits", (name, value)).text
    assert 'role="alert"' in told
    assert f'value="{value}"' in told or "&lt;" in told
    assert "<script" not in told.lower()
    with closing(LiveDb(house.home.live)) as live:
        assert Limits.of(live, JUNO) == Limits()


def test_a_chat_that_is_forgotten_takes_its_limits_along(house: PaperHouse, client: Client) -> None:
    client.post(f"/chats/{JUNO}/limits", ("chat_hour", "3"))
    with closing(LiveDb(house.home.live)) as live:
        live.forget(JUNO)
        assert Limits.of(live, JUNO) == Limits()


@pytest.mark.parametrize("deed", ["pause", "resume", "grant", "revoke", "limits"])
def test_a_chat_that_is_not_there_is_not_found(client: Client, deed: str) -> None:
    assert client.post(f"/chats/424242/{deed}").status == 404
