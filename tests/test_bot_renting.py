"""`train --on`: a whole training on another machine, over a real ssh server, with the connection cut in its middle."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.home import Home
from bot.renting import Limits
from data import samples
from data.consent import Ledger
from data.errors import UserError
from data.transcript import Scope
from tests import sshd
from tests import training_models as models
from tests.sshd import Machine
from tests.terminal import PATIENCE, Terminal, ended
from training import adapter, base, position, remote
from training.remote import FOLDER, Rented

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not sshd.SSHD.exists(), reason="there is no OpenSSH server here"),
]
TRAIN = ("train", "--on", "rented", "--epochs", "0.5", "--json")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with sshd.machine(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture
def shell(tmp_path: Path, machine: Machine) -> Terminal:
    """A home with a dataset and no model, and a machine elsewhere."""
    base.find("smollm2", models.MODELS)
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(4))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(4):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    settings = {"DOPPELGRAM_MODEL__BASE": "smollm2", "DOPPELGRAM_MODEL__MAX_TOKENS": "8"}
    return Terminal(tmp_path, settings=settings | {"PATH": f"{machine.bin}:{os.environ['PATH']}"})


def left(machine: Machine) -> list[str]:
    return [path.name for path in machine.home.iterdir() if path.name.startswith(FOLDER)]


async def test_a_training_elsewhere_outlives_a_cut_connection_and_leaves_nothing_there(
    shell: Terminal, machine: Machine
) -> None:
    process = await shell.start(*TRAIN, "--yes", "--hours", "1", "--price-per-hour", "0.5", "--money", "0.25")
    assert process.stderr
    said = b""
    while b"Loading the base model" not in said:
        line = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
        assert line, said.decode()
        said += line
    (folder,) = left(machine)
    sent = sorted(path.relative_to(machine.home / folder / "home") for path in (machine.home / folder).rglob("*.json*"))
    assert [path.name for path in sent if path.parts[0] == "dataset"] == [
        *("card.json", "controls.jsonl", "test.jsonl", "train.jsonl", "unseen.jsonl", "validation.jsonl")
    ]
    assert not list((machine.home / folder).rglob("*.session")), "no login goes there"
    assert machine.cut() > 0
    done = (await ended(process)).ok()
    told = said.decode() + done.err
    assert "connection is lost" in told
    assert "0.5 hours, at most 0.25" in told
    assert done.json["steps"] > 0
    (made,) = adapter.every(shell.home / "adapters")
    assert made.card.name == made.folder.name == done.json["adapter"]
    assert made.card.dataset == samples.read_card(shell.home / "dataset").hash
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert left(machine) == []
    assert "nothing of this training is left" in told
    assert not (shell.home / "rented.json").exists()


async def test_after_ctrl_c_the_same_command_comes_back_to_the_training_there(
    shell: Terminal, machine: Machine
) -> None:
    process = await shell.start(*TRAIN, "--yes")
    assert process.stderr
    said = b""
    while b"Loading the base model" not in said:
        line = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
        assert line, said.decode()
        said += line
    process.send_signal(signal.SIGINT)
    stopped = (await ended(process)).failed(130)
    assert "goes on at rented, and costs" in stopped.err
    (folder,) = left(machine)
    other = (await shell("train", "--on", "elsewhere", "--yes")).failed(1)
    assert "runs on rented" in other.err
    again = (await shell(*TRAIN)).ok()  # not asked again: nothing more goes there
    assert "Loading the base model" in again.err
    assert "MB are there" not in again.err, folder
    assert len(adapter.every(shell.home / "adapters")) == 1
    assert left(machine) == []


async def test_what_takes_longer_than_was_paid_for_is_stopped_there_and_deleted(
    shell: Terminal, machine: Machine
) -> None:
    words = ("train", "--on", "rented", "--epochs", "1000", "--hours", "0.01", "--json", "--yes")
    stopped = (await shell(*words)).failed(1)
    assert "time" in stopped.json["error"] + stopped.json["hint"]
    assert "goes on from it" in stopped.json["hint"]
    assert adapter.every(shell.home / "adapters") == []
    assert left(machine) == []
    kept = adapter.unfinished(shell.home / "adapters")
    assert kept
    assert position.is_whole(kept, samples.read_card(shell.home / "dataset").hash)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (kept, *kept.rglob("*")))
    (before,) = map(position.position_of, position.checkpoints(kept))
    assert before.step > 0
    again = (await shell("train", "--on", "rented", "--epochs", "0.01", "--json", "--yes")).ok()
    assert "The training that was interrupted is there too" in again.err
    assert again.json["steps"] == before.step, "its passes were over, so that it was only measured"
    (made,) = adapter.every(shell.home / "adapters")
    assert (made.folder, made.card.name) == (kept, kept.name), "in its place"
    assert left(machine) == []


async def test_without_an_agreement_of_its_own_nothing_goes_there(shell: Terminal, machine: Machine) -> None:
    refused = (await shell(*TRAIN)).failed(2)
    assert "whoever runs that machine can read it" in refused.err
    assert left(machine) == []


async def test_a_machine_that_nobody_knows_gets_nothing(shell: Terminal, machine: Machine) -> None:
    (machine.path / "known").write_text("")
    refused = (await shell(*TRAIN, "--yes")).failed(1)
    assert "Host key verification failed" in refused.err
    assert left(machine) == []


@pytest.fixture
def finished(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> tuple[Rented, Path]:
    """A training that has ended there, and the folder of its adapter, which is empty."""
    monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
    rented = Rented.new("rented")
    made = machine.home / rented.folder / "home" / "adapters" / "1"
    made.mkdir(parents=True)
    return rented, made


def test_a_connection_cut_while_the_adapter_comes_is_one_sentence_and_it_comes_again(
    finished: tuple[Rented, Path], machine: Machine, tmp_path: Path
) -> None:
    rented, made = finished
    content = os.urandom(100_000_000)
    (made / adapter.WEIGHTS).write_bytes(content)
    place, again = tmp_path / "place", tmp_path / "again"
    place.mkdir()
    again.mkdir()
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(rented.fetch, place)
        while not (place / adapter.WEIGHTS).exists() and not coming.done():
            time.sleep(0.01)
        assert machine.cut() > 0
        with pytest.raises(UserError, match="ssh rented failed"):
            coming.result()
    assert (place / adapter.WEIGHTS).stat().st_size < len(content)
    rented.fetch(again)
    assert (again / adapter.WEIGHTS).read_bytes() == content


def test_an_adapter_without_weights_or_too_large_a_one_is_refused_before_anything_is_deleted(
    finished: tuple[Rented, Path], machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rented, made = finished
    (made / "card.json").write_text("{}")
    with pytest.raises(UserError, match="no weights"):
        rented.fetch(tmp_path)
    monkeypatch.setattr(remote, "_MOST", 10)
    (made / adapter.WEIGHTS).write_bytes(bytes(11))
    with pytest.raises(UserError, match="is larger than"):
        rented.fetch(tmp_path)
    assert not (tmp_path / adapter.WEIGHTS).exists()
    assert left(machine) == [rented.folder]


TOLD = (
    ('{"key": "d-k", "step": "rm"}', False),
    ('{"key": "d-k", "step": 1.5}', False),
    ('{"key": "d-k", "step": -3}', False),
    ('{"key": "d-k", "step": 3, "validation": [[Infinity, 1]]}', False),
    ('{"key": "d-k", "step": 3, "seconds": NaN}', False),
    ('{"key": "d-k", "step": 3, "seconds": 1' + "0" * 400 + "}", False),
    ('{"key": "d-k", "step": 1' + "0" * 400 + "}", False),
    ('{"key": "d-k", "step": 3, "more": 1}', False),
    ("[]", False),
    ("[" * 100_000, False),
    ('{"key": "other-k", "step": 3}', False),
    ('{"key": "d-k", "step": 3, "validation": [[2, NaN]]}', True),  # as a training of ours may have it
    ('{"key": "d-k", "step": 3, "validation": [[2, 1.5]]}', True),
)
"""What a machine may say of how far it has come, for a dataset with the hash `d`, and whether that is believed."""


def test_of_a_training_that_failed_elsewhere_only_what_can_be_gone_on_with_is_kept(
    finished: tuple[Rented, Path], machine: Machine, tmp_path: Path
) -> None:
    rented, made = finished
    rented.fetch_unfinished(tmp_path)
    assert not position.is_whole(tmp_path, "d"), "there is nothing"
    here = made / "checkpoint-000000003"
    here.mkdir()
    for name in (position.WEIGHTS, position.OPTIMIZER, "run.sh"):
        (here / name).write_bytes(name.encode())
    for number, (told, whole) in enumerate(TOLD):
        (here / position.POSITION).write_text(told)
        place = tmp_path / str(number)
        place.mkdir()
        rented.fetch_unfinished(place)
        assert position.is_whole(place, "d") == whole, told[:99]
        assert [path.name for path in position.parts(place)] == [
            position.OPTIMIZER,
            position.POSITION,
            position.WEIGHTS,
        ]
        assert not list(place.rglob("run.sh")), "nor is anything else taken"
    (place / position.BEST).mkdir()
    (place / position.BEST / position.POSITION).write_text('{"key": "d-k", "step": 2}')
    assert not position.is_whole(place, "d"), "best without weights"
    (place / position.BEST / position.WEIGHTS).write_bytes(b"")
    assert position.is_whole(place, "d")
    (place / here.name / position.OPTIMIZER).unlink()
    assert not position.is_whole(place, "d"), "a part of it is missing"
    assert left(machine) == [rented.folder]


def test_a_copy_that_the_machine_does_not_call_whole_is_none(
    finished: tuple[Rented, Path], machine: Machine, tmp_path: Path
) -> None:
    machine.puts("tar", '/usr/bin/env -i /bin/tar "$@"; exit 2')
    with pytest.raises(UserError, match="ssh rented failed"):
        finished[0].fetch_unfinished(tmp_path)


def test_the_limits_end_with_the_hours_or_with_the_money_whichever_is_first() -> None:
    assert Limits(2.0).seconds == 7200
    assert Limits(2.0, price=0.5, money=0.25).seconds == 1800
    assert Limits(2.0, price=0.5, money=10.0).seconds == 7200
    with pytest.raises(UserError, match="price"):
        _ = Limits(2.0, money=10.0).seconds


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b"])
def test_a_host_is_never_an_option_of_ssh(host: str) -> None:
    with pytest.raises(UserError):
        Rented.new(host)
