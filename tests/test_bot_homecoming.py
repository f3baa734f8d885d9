"""`train --on`, at its end: what comes home from the machine, in place of what, and what of it is not taken. Over a
real ssh server."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bot import consenting, homecoming, renting
from bot.desk import Desk
from bot.learning import Wish
from bot.renting import Limits
from data import samples
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Person
from data.samples import write_private
from tests import sshd
from tests.sshd import Machine
from tests.tenant import CHECKPOINT, a_training, an_adapter, failed_there, files, further, left, tenant
from training import adapter, position
from training.remote import Rented

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not sshd.SSHD.exists(), reason="there is no OpenSSH server here"),
]
REPORT = {"steps": 3, "seconds": 1.5, "loss_base": 4.0, "loss_adapter": 3.0}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with sshd.machine(tmp_path / "machine") as machine:
        monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
        yield machine


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with tenant(tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def failed(machine: Machine, desk: Desk) -> Rented:
    return failed_there(machine, desk)


def test_an_adapter_that_came_home_is_told_of_and_not_fetched_again_where_nothing_was_deleted(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str]
) -> None:
    write_private(machine.home / failed.folder / "report", json.dumps(REPORT))
    an_adapter(machine.home / failed.folder / "home" / "adapters" / "1", samples.read_card(desk.home.dataset))
    machine.puts("rm", "exit 0")
    with pytest.raises(UserError, match="rented still holds"):
        renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
    (made,) = adapter.every(desk.home.adapters)
    assert f"The adapter {made.card.name} is at home all the same." in capsys.readouterr().err
    assert not (desk.home.path / "rented.json").exists()


def test_what_a_member_of_a_group_took_back_meanwhile_is_deleted_there_too(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.archive.save_people([Person(7, Kind.PRIVATE, "Ana")])
    Ledger(desk.archive).grant_member(-5, 7, "test", "test", desk.now)
    group = replace(failed, scopes={"-5": "chat"}, built_at=desk.now.isoformat())
    write_private(desk.home.path / renting.NOTE, group.as_json())
    consenting.revoke(desk, Dialog(-5, Kind.GROUP, "Crew"), "7")
    machine.puts("python3", "exit 3")  # so that nothing begins anew
    with pytest.raises(UserError, match="There is no doppelgram"):
        renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
    assert "A consent has ended since" in capsys.readouterr().err
    assert left(machine) == []


@pytest.mark.parametrize("made_of", ["what went there", "something else"])
def test_after_a_new_build_what_was_learned_of_the_dataset_before_comes_home_and_nothing_stays_there(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str], made_of: str
) -> None:
    card, new = samples.read_card(desk.home.dataset), "fedcba9876543210"
    write_private(desk.home.dataset / "card.json", json.dumps(asdict(replace(card, hash=new))))
    write_private(machine.home / failed.folder / "report", json.dumps(REPORT))
    went = card if made_of == "what went there" else replace(card, hash=new)
    an_adapter(machine.home / failed.folder / "home" / "adapters" / "1", went)
    if went is card:
        report = renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
        assert adapter.read(desk.home.adapters / report["adapter"]).card.dataset == card.hash
        assert "the one here was built since" in (told := capsys.readouterr().err)
        assert "The same command trains on the one here" in told
    else:
        with pytest.raises(homecoming.Foreign):
            renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
        assert adapter.every(desk.home.adapters) == []
    assert left(machine) == []
    assert not (desk.home.path / "rented.json").exists()


def test_what_was_revoked_meanwhile_is_deleted_there_before_anything_else_is_asked(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Rented.read(desk.home.path / "rented.json") == failed
    consenting.revoke(desk, Dialog(1, Kind.PRIVATE, "Somebody"))
    with pytest.raises(UserError, match="The dataset holds 1 chats whose consent has ended") as refused:
        renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
    assert refused.value.code is ExitCode.CONSENT
    assert "A consent has ended since: the training on rented is stopped and deleted there." in capsys.readouterr().err
    assert left(machine) == []
    assert not (desk.home.path / "rented.json").exists()


def test_an_adapter_of_another_dataset_is_refused_and_one_of_this_takes_the_place_of_what_is_less_far(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str]
) -> None:
    card, adapters = samples.read_card(desk.home.dataset), desk.home.adapters
    interrupted = a_training(desk.home)
    rented = replace(failed, unfinished=interrupted.name)
    there = machine.home / rented.folder / "home" / "adapters" / "1"
    made = an_adapter(there, card)
    for other in ({"dataset": "fedcba9876543210"}, {"chats": (0,)}, {"chats": (0, 1, 2)}, {"scopes": {"0": "mine"}}):
        write_private(there / adapter.CARD, json.dumps(asdict(replace(made.card, **other))))
        with pytest.raises(UserError, match="rented gave back an adapter of another dataset"):
            homecoming.adapter(desk, rented)
        assert list(adapters.iterdir()) == [interrupted], other
        assert position.is_whole(interrupted, card.hash)
    write_private(there / adapter.CARD, json.dumps(asdict(replace(made.card, training={"steps": 3, "tokens": 0}))))
    further(interrupted, card, 4)
    other = adapters / homecoming.adapter(desk, rented)
    assert adapter.read(other).card.built_at == card.built_at, "whatever the machine says of it"
    assert position.is_whole(interrupted, card.hash), "it has gone further at home"
    assert f"{interrupted.name} has gone further at home, and stays" in capsys.readouterr().err
    shutil.rmtree(other)
    further(interrupted, card, 3)
    assert homecoming.adapter(desk, rented) == interrupted.name, "the very dataset's takes its place"
    assert files(adapters) == {f"{interrupted.name}/{name}" for name in (adapter.CARD, adapter.CONFIG, adapter.WEIGHTS)}


def test_what_failed_elsewhere_comes_home_to_be_gone_on_with_unless_more_is_here_or_a_consent_has_ended_meanwhile(
    desk: Desk, machine: Machine, failed: Rented
) -> None:
    there, home = machine.home / failed.folder / "home" / "adapters" / "1", desk.home.adapters
    (there / CHECKPOINT).mkdir(parents=True)
    for name in (position.WEIGHTS, position.OPTIMIZER):
        (there / CHECKPOINT / name).write_bytes(b"")
    card = samples.read_card(desk.home.dataset)
    assert homecoming.unfinished(desk, failed, card) == homecoming.LOST, "nothing that could be gone on with"
    assert not list(home.iterdir())
    further(there, card, 3)
    assert homecoming.unfinished(desk, failed, card) == homecoming.KEPT
    before = adapter.unfinished(home)
    assert before
    again = replace(failed, unfinished=before.name)
    assert homecoming.unfinished(desk, again, card) == homecoming.KEPT
    assert list(home.iterdir()) == [before], "in place of the one that it went on with"
    further(before, card, 4)
    for rented in (failed, again):
        assert homecoming.unfinished(desk, rented, card) == homecoming.BEHIND
        assert list(home.iterdir()) == [before]
    further(before, card, 2, of="another-base")
    assert homecoming.unfinished(desk, again, card) == homecoming.KEPT
    assert {position.position_of(each / CHECKPOINT).step for each in home.iterdir()} == {2, 3}, "both stay"
    further(before, card, 2)
    shutil.rmtree(next(each for each in home.iterdir() if each != before))
    consenting.revoke(desk, Dialog(1, Kind.PRIVATE, "Somebody"))
    assert homecoming.unfinished(desk, again, card) == homecoming.LOST
    assert not list(home.iterdir())


def test_a_training_that_failed_elsewhere_promises_to_go_on_only_where_it_came_home() -> None:
    told = "Run it again with less: it goes on from there. Or choose a smaller model."
    without = "Run it again with less. Or choose a smaller model. "
    for kept in (homecoming.LOST, homecoming.KEPT, homecoming.BEHIND):
        assert renting._hint(told, kept) == without + kept
