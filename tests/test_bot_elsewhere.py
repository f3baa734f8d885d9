"""Whoever removes a chat here is told of the machine that may still hold it, and only of one that may."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot import renting
from bot.commands import consent, privacy
from bot.desk import Desk
from bot.home import Home
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind
from data.samples import write_private
from data.transcript import Scope
from tests.tenant import tenant
from training.remote import Rented

HELD, OTHER = 1, 2
TOLD = "rented may still hold it, for a training; to stop that and delete it there: doppelgram train --on rented"
VERBS: list[Callable[[int], None]] = [
    lambda chat: consent.revoke(str(chat)),
    lambda chat: privacy.forget(str(chat), yes=True),
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A home whose dataset lies on a rented machine, too."""
    with tenant(tmp_path / "home") as desk:
        desk.archive.save_dialogs(Dialog(chat, Kind.PRIVATE, f"Person {chat}") for chat in (HELD, OTHER))
        Ledger(desk.archive).grant(OTHER, Scope.CHAT, "test", "test", desk.now)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DOPPELGRAM_HOME", str(desk.home.path))
        rents(desk.home)
        yield desk


def rents(home: Home, seconds: float = 1000.0) -> Rented:
    rented = replace(Rented.new("rented"), until=time.time() + seconds, scopes={"0": "chat", "1": "chat"})
    write_private(home.path / renting.NOTE, rented.as_json())
    return rented


@pytest.mark.parametrize("verb", VERBS, ids=["revoke", "forget"])
def test_what_may_still_lie_on_a_rented_machine_is_said_and_how_it_goes_from_there(
    desk: Desk, capsys: pytest.CaptureFixture[str], verb: Callable[[int], None]
) -> None:
    verb(HELD)
    assert TOLD in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS, ids=["revoke", "forget"])
@pytest.mark.parametrize("why", ["another chat", "its time is over", "it has come home"])
def test_nothing_is_said_of_a_machine_that_cannot_hold_it(
    desk: Desk, capsys: pytest.CaptureFixture[str], verb: Callable[[int], None], why: str
) -> None:
    if why == "its time is over":
        rents(desk.home, -1.0)
    if why == "it has come home":
        (desk.home.path / renting.NOTE).unlink()
    verb(OTHER if why == "another chat" else HELD)
    assert (said := capsys.readouterr().err)
    assert "rented" not in said


def test_a_program_is_told_by_whom_it_is_held(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    consent.revoke(str(HELD), as_json=True)
    privacy.forget(str(HELD), yes=True, as_json=True)
    privacy.forget(str(OTHER), yes=True, as_json=True)
    assert [json.loads(line)["held_by"] for line in capsys.readouterr().out.splitlines()] == ["rented", "rented", None]


@pytest.mark.parametrize("away", [True, False], ids=["held there", "nowhere else"])
def test_wipe_says_where_chats_may_still_lie_that_nothing_here_will_know_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], away: bool
) -> None:
    home = Home.at(tmp_path / "home")
    with closing(Archive(home.archive)):
        rented = rents(home) if away else None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOPPELGRAM_HOME", str(home.path))
    privacy.wipe(yes=True)
    said = capsys.readouterr().err
    assert not home.path.exists()
    assert ("may still hold your chats" in said) == away
    assert not rented or f"rented may still hold your chats, in ~/{rented.folder}" in said
