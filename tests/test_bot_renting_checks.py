"""`train --on`: what goes to the machine and what does not, which machine gets nothing, and that only a machine which
shows that nothing is left is said to hold nothing. Over a real ssh server; what is wrong with a machine is a program
there."""

import os
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import consenting, renting
from bot.desk import Desk
from bot.learning import Wish
from bot.renting import Limits
from data import samples
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from data.samples import write_private
from tests import sshd
from tests.sshd import Machine
from tests.tenant import CHECKPOINT, SECRETS, a_training, an_adapter, failed_there, files, left, tenant
from tests.terminal import PATIENCE, Terminal, everything_in
from training import position
from training.remote import Rented

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not sshd.SSHD.exists(), reason="there is no OpenSSH server here"),
]
SENT = ("card.json", "controls.jsonl", "test.jsonl", "train.jsonl", "unseen.jsonl", "validation.jsonl")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with sshd.machine(tmp_path / "machine") as machine:
        monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
        yield machine


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with tenant(tmp_path / "home") as desk:
        yield desk


def test_the_dataset_the_training_and_nine_settings_go_there_and_nothing_else_of_the_home(
    desk: Desk, machine: Machine
) -> None:
    home, rented = desk.home, Rented.new("rented")
    home.key()
    for path in (home.session, home.companion, home.live, home.path / "config.toml", home.dataset / "account.session"):
        write_private(path, "\n".join(SECRETS))
    made = an_adapter(home.adapters / "1", samples.read_card(home.dataset))
    unfinished = a_training(home)
    machine.puts("timeout", "exit 0")  # in place of the training, which would write into that home, too
    came = machine.path / "came.tar"
    machine.puts("tar", f'tee "{came}" | /usr/bin/env PATH=/usr/bin:/bin tar "$@"')
    card, limits, note = samples.read_card(home.dataset), Limits(1.0), home.path / "rented.json"
    rented = renting._begin(desk, rented, card, renting._settings(desk, Wish(), limits), limits, True, note)
    (there,) = left(machine)
    for _ in range(int(PATIENCE / 0.05)):
        if (there / "ended").exists():
            break
        time.sleep(0.05)
    sent, said = files(there), everything_in(there)
    settings = tomllib.loads((there / "home/config.toml").read_text())
    open_to_others = [path for path in (there, *there.rglob("*")) if path.stat().st_mode & 0o077]
    renting._end(rented, note)
    assert left(machine) == []
    with tarfile.open(came) as tar:
        assert {(each.uname, each.gname, each.uid, each.gid) for each in tar} == {("", "", 0, 0)}, "not whose they are"
    again = f"home/adapters/{unfinished.name}/{CHECKPOINT}"
    assert sent == {
        *("pid", "log", "report", "ended", "home/config.toml"),
        *(f"home/dataset/{name}" for name in SENT),
        *(f"{again}/{name}" for name in (position.WEIGHTS, position.OPTIMIZER, position.POSITION)),
    }
    assert {group: set(values) for group, values in settings.items()} == {
        "model": {"base", "quantization", "max_tokens"},
        "train": {"minutes", "epochs", "method", "learning_rate", "micro_batch_tokens", "seed"},
    }
    assert b"yep yep" in said, "which is what the dataset says"
    assert [each for each in (*SECRETS, str(home.path), made.card.name) if each.encode() in said] == []
    assert open_to_others == []


def without_doppelgram(machine: Machine) -> None:
    machine.puts("python3", f'exec "{sys.executable}" -I -S "$@"')  # as a python is that nothing was installed for


def with_another_version(machine: Machine) -> None:
    about = machine.path / "older" / "doppelgram-0.0.1.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: doppelgram\nVersion: 0.0.1\n")
    machine.puts("python3", f'PYTHONPATH="{about.parents[1]}:$PYTHONPATH" exec "{sys.executable}" "$@"')


def with_a_full_disk(machine: Machine) -> None:
    machine.puts("python3", f'HOME=/proc exec "{sys.executable}" "$@"')  # a file system on which nothing is free


@pytest.mark.parametrize(
    ("broken", "message", "hint", "code"),
    [
        (without_doppelgram, "There is no doppelgram on rented.", "docs/rented-gpu.md", ExitCode.CONFIGURATION),
        (with_another_version, "rented has another version of doppelgram.", "the same one", ExitCode.ERROR),
        (with_a_full_disk, "The disk of rented is almost full.", "more room", ExitCode.ERROR),
    ],
)
def test_a_machine_that_cannot_train_is_refused_in_one_sentence_and_gets_nothing(
    desk: Desk, machine: Machine, capsys: pytest.CaptureFixture[str], broken, message: str, hint: str, code: ExitCode
) -> None:
    broken(machine)
    came = machine.path / "came"
    machine.puts("tar", f'echo >"{came}"; exec /usr/bin/env PATH=/usr/bin:/bin tar "$@"')
    with pytest.raises(UserError) as refused:
        renting.train(desk, "rented", Wish(), Limits(1.0), yes=True)
    assert refused.value.message == message
    assert hint in refused.value.hint
    assert refused.value.code == code
    assert not came.exists()
    assert left(machine) == []
    assert not (desk.home.path / "rented.json").exists()
    assert capsys.readouterr().err == "", "nobody is asked for what is not done"


@pytest.mark.parametrize("name", ["folder", "model.gguf"])
def test_a_base_that_lies_at_home_is_refused_before_anybody_is_asked(desk: Desk, tmp_path: Path, name: str) -> None:
    """Else its path would go there, and nothing could be trained on it."""
    base = tmp_path / name
    if base.suffix:
        base.write_bytes(b"GGUF")
    else:
        base.mkdir()
    with pytest.raises(UserError, match="lies on this machine") as refused:
        renting.train(desk, "nowhere", Wish(base=str(base)), Limits(1.0), yes=True)
    assert refused.value.code is ExitCode.USAGE
    assert not (desk.home.path / renting.NOTE).exists()


def test_a_machine_that_answers_rubbish_is_refused_in_one_sentence(machine: Machine) -> None:
    most = '{"version": "0", "gpu": 1, "free_bytes": %s}'
    for answer in ("", "[]", "no JSON", '{"version": "0"}', most % "{}", most % "1e999"):
        machine.puts("python3", f"case $* in *--look) printf %s '{answer}' ;; esac")
        with pytest.raises(UserError, match=r"^rented does not tell what it is\.$"):
            Rented.new("rented").look()
    machine.puts("python3", f"case $* in *--look) printf %s '{most % 2}' ;; esac")
    assert Rented.new("rented").look() == {"version": "0", "gpu": "1", "free_bytes": 2}


def test_a_training_of_another_dataset_stays_and_one_goes_away_where_a_consent_is_revoked(
    desk: Desk, machine: Machine
) -> None:
    unfinished, card = a_training(desk.home), samples.read_card(desk.home.dataset)
    machine.puts("timeout", "exit 0")
    limits, note = Limits(1.0), desk.home.path / "rented.json"
    other = replace(card, hash="fedcba9876543210")
    rented = renting._begin(
        desk, Rented.new("rented"), other, renting._settings(desk, Wish(), limits), limits, True, note
    )
    assert rented.unfinished == ""
    assert not [name for name in files(machine.home / rented.folder) if "checkpoint" in name]
    renting._end(rented, note)
    consenting.revoke(desk, Dialog(1, Kind.PRIVATE, "Somebody"))
    assert not unfinished.exists()


@pytest.fixture
def failed(machine: Machine, desk: Desk) -> Rented:
    return failed_there(machine, desk)


async def test_a_machine_that_deletes_nothing_is_said_to_hold_it_until_it_shows_that_it_does_not(
    desk: Desk, machine: Machine, failed: Rented, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.puts("rm", "exit 0")
    shell, note = Terminal(tmp_path), desk.home.path / "rented.json"
    held = (await shell("train", "--on", "rented", "--yes")).failed(1)
    assert f"rented still holds ~/{failed.folder}." in held.err
    assert "Destroy that machine at its provider." in held.err
    assert "It broke." in held.err, "which is told all the same"
    assert "nothing of this training is left" not in held.err
    assert left(machine) == [machine.home / failed.folder]
    assert Rented.read(note) == failed, "so that the same command comes back to it"
    (machine.path / "first" / "rm").unlink()
    with pytest.raises(UserError, match="It broke"):
        renting.train(desk, "rented", Wish(), Limits(1.0), yes=False)
    assert "rented shows that nothing of this training is left." in capsys.readouterr().err
    assert left(machine) == []
    assert not note.exists()


@pytest.mark.parametrize("which", ["rm that fails", "home that is not there"])
def test_where_nothing_could_be_deleted_nothing_is_said_to_be_gone(
    desk: Desk, machine: Machine, failed: Rented, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    if which == "rm that fails":
        machine.puts("rm", "exit 1")
    else:
        machine.home.rename(machine.path / "elsewhere")  # as a disk that is not mounted any more
    with pytest.raises(UserError, match=f"rented still holds ~/{failed.folder}") as refused:
        renting._end(failed, desk.home.path / "rented.json")
    assert "Destroy that machine" in refused.value.hint
    assert capsys.readouterr().err == ""
    assert (desk.home.path / "rented.json").exists()
