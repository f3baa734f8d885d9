"""build, train, evaluate and try as a person runs them: processes over a home folder, with the real small model."""

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.commands import evaluation, learning
from bot.home import Home
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.samples import write_private
from data.transcript import Scope
from tests import training_models as models
from tests.terminal import PATIENCE, Terminal, ended, until
from training import adapter, base

CHATS = 8
ENDLESS = ("train", "--minutes", "60", "--json")
SHORT = ("train", "--minutes", "0.05", "--json")


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    """A home with a dataset, and the demo's model."""
    base.find("smollm2", models.MODELS)  # unpacked once per machine, before anybody waits for it
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(CHATS))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(CHATS):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    settings = {
        "DOPPELGRAM_MODEL__BASE": "smollm2",
        "DOPPELGRAM_MODEL__CACHE": str(models.MODELS),
        "DOPPELGRAM_MODEL__MAX_TOKENS": "8",
        "DOPPELGRAM_MODEL__CANDIDATES": "1",
        "DOPPELGRAM_MODEL__THREADS": "1",
    }
    return Terminal(tmp_path, settings=settings)


async def begun(shell: Terminal, *words: str) -> asyncio.subprocess.Process:
    """A training that has been granted its dataset and loads its model."""
    process = await shell.start(*words)
    assert process.stderr
    said = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
    assert b"Loading" in said, said + await process.stderr.read()
    return process


def trainings(shell: Terminal) -> list[Path]:
    return [path for path in (shell.home / "adapters").glob("*") if path.is_dir()]


def checkpoints(shell: Terminal) -> list[dict[str, Any]]:
    places = (shell.home / "adapters").glob("*/checkpoint-*/position.json")
    return [json.loads(place.read_text()) for place in places]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_a_training_stopped_while_it_measures_is_finished_and_not_begun_anew(
    shell: Terminal, how: signal.Signals
) -> None:
    process = await begun(shell, *SHORT)
    await until(lambda: bool(checkpoints(shell)))  # the first one, in so short a training, follows its last step
    process.send_signal(how)
    stopped = await ended(process)
    if how is signal.SIGINT:
        assert "Run the same command to go on" in stopped.failed(130).err
    assert stopped.out == ""
    (position,) = checkpoints(shell)
    assert adapter.every(shell.home / "adapters") == []
    assert (await shell("status", "--json")).ok().json["adapter"] is None
    report = (await shell(*SHORT)).ok().json
    assert (report["steps"], report["tokens"]) == (position["step"], position["tokens"]), "no step was made again"
    assert report["loss_adapter"] < report["loss_base"]
    assert report["own_gain"]["own_gain"] is None
    assert "too few controls" in report["own_gain"]["why_none"]
    assert "too few controls" in dict(evaluation._rows(report))["own gain"], "and in words"
    (made,) = adapter.every(shell.home / "adapters")
    assert trainings(shell) == [made.folder]
    assert made.card.losses == {"base": report["loss_base"], "adapter": report["loss_adapter"]}
    assert checkpoints(shell) == []


async def test_while_a_training_runs_nothing_else_may_touch_what_it_works_on(shell: Terminal) -> None:
    process = await begun(shell, *ENDLESS)
    for words in (("train", "--json"), ("build",), ("wipe", "--yes")):
        refused = (await shell(*words)).failed(1)
        assert "`doppelgram train` is at work" in refused.err, words
        assert "Ctrl-C" in refused.err
    process.send_signal(signal.SIGINT)
    (await ended(process)).failed(130)
    (await shell("wipe", "--yes")).ok()
    assert not shell.home.exists()


async def test_a_consent_that_ends_during_the_training_leaves_an_adapter_that_never_speaks(shell: Terminal) -> None:
    process = await begun(shell, *SHORT)
    with closing(Archive(shell.home / "archive.db")) as archive:
        Ledger(archive).revoke(3, datetime.now(UTC))
    assert "stale" in (await ended(process)).failed(7).err
    (made,) = adapter.every(shell.home / "adapters")
    assert made.card.stale
    assert (await shell("status", "--json")).ok().json["adapter"] is None


async def test_a_dataset_too_small_to_hold_anything_out_has_every_key_and_a_sentence(shell: Terminal) -> None:
    write_private(shell.home / "dataset" / "test.jsonl", "")
    report = (await shell(*SHORT)).ok().json
    assert (report["loss_base"], report["loss_adapter"], report["n"]) == (None, None, 0)
    assert "too small" in report["why_none"]
    assert report["own_gain"]["own_gain"] is None
    evaluated = await shell("evaluate")
    assert "too small" in evaluated.ok().out
    for wrong in (("--quick", "--full"), ("--html", "x.html"), ("--compare", "a", "b")):
        (await shell("evaluate", *wrong)).failed(2)
    refused = (await shell("evaluate", "--quick")).failed(1)
    assert "no reply of yours was held out" in refused.err
    assert not (shell.home / "reports").exists()


def one_chat(shell: Terminal, *mine: str) -> None:
    """The archive holds a chat with these messages of the owner's."""
    with closing(Archive(shell.home / "archive.db")) as archive:
        archive.save_dialogs([Dialog(1, Kind.PRIVATE, "Alma Reyes")])
        said = ((False, "hey are you around later?"), *((True, text) for text in mine))
        archive.save([Message(1, n, own, models.NOON, text) for n, (own, text) in enumerate(said, start=1)])


def everything(screen: int) -> bytes:
    """What is written to a terminal, until nobody has it open any more."""
    seen = b""
    with suppress(OSError):  # how Linux says so
        while part := os.read(screen, 65536):
            seen += part
    os.close(screen)
    return seen


async def at_a_terminal(shell: Terminal, verb: str) -> tuple[asyncio.subprocess.Process, int]:
    """This verb, and the screen that it writes to."""
    seen, terminal = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", verb), cwd=shell.path, env=shell.environment, stderr=terminal
    )
    os.close(terminal)
    return process, seen


BAR = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


async def test_build_shows_a_bar_at_a_terminal_and_none_elsewhere(shell: Terminal) -> None:
    one_chat(shell, "yep yep")
    quiet = (await shell("build")).ok().err
    assert BAR not in quiet, "a line now and then, at most"
    process, seen = await at_a_terminal(shell, "build")
    shown = await asyncio.wait_for(asyncio.to_thread(everything, seen), PATIENCE)
    assert await process.wait() == 0
    assert b"counting tokens" in shown
    assert BAR in shown.decode()


async def test_train_shows_a_bar_with_its_loss_and_speed_at_a_terminal_and_says_how_it_goes_on(shell: Terminal) -> None:
    process, seen = await at_a_terminal(shell, "train")
    await until(lambda: bool(steps_drawn(shell)))
    process.send_signal(signal.SIGINT)
    shown = (await asyncio.wait_for(asyncio.to_thread(everything, seen), PATIENCE)).decode()
    assert await process.wait() == 130
    assert BAR in shown
    assert re.search(r"step \d+, loss \d\.\d\d.*, \d+ tok/s", shown)
    assert re.search(r"\d:\d\d:\d\d", shown), "since when, and until when"
    assert "Stopped. Run the same command to go on." in shown
    assert "Traceback" not in shown


def steps_drawn(shell: Terminal) -> list[str]:
    """The points of the curve of loss, which comes after the bar."""
    place = shell.home / "training.jsonl"
    return place.read_text().splitlines()[1:] if place.exists() else []


async def test_build_counts_the_owners_tokens_with_the_base_models_own_tokenizer(shell: Terminal) -> None:
    mine = ["yep yep", "omg yes pls", "i know hehe"]
    one_chat(shell, *mine)
    report = (await shell("build", "--json")).ok().json
    assert report["tokens"] == sum(len(models.tokenizer()(t, add_special_tokens=False).input_ids) for t in mine)
    assert report["tokens_estimated"] is None
    shell.settings["DOPPELGRAM_MODEL__CACHE"] = str(shell.path / "empty")
    shown = (await shell("build")).ok()
    assert "estimated" in shown.err
    assert not (shell.path / "empty").exists(), "nothing is unpacked for it"


async def test_try_answers_each_line_of_a_pipe_and_ends_well_at_its_end(shell: Terminal) -> None:
    one_chat(shell, "yep yep")
    asked = ["are you there?", "shall I bring bread?"]
    lines = f"{asked[0]}\n\n{asked[1]}"
    shown = (await shell("try", "Alma Reyes", stdin=lines)).ok()
    assert shown.err.count("confidence") >= 2
    assert "empty line" not in shown.err, "nobody is at a terminal"
    answered = (await shell("try", "Alma Reyes", "--json", stdin=lines)).ok().json
    assert list(dict.fromkeys(row["asked"] for row in answered["suggestions"])) == asked
    assert answered["seconds"] > 0
    assert "TEXT" in (await shell("try", "Alma Reyes")).failed(2).err


async def test_torchrun_runs_the_same_command_and_one_of_its_processes_speaks_and_writes(shell: Terminal) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bot")
    done = (await ended(await shell.start("train", "--epochs", "0.5", "--json", program=torchrun))).ok()
    assert done.json["steps"] > 0
    assert done.err.count("Loading the base model") == 1
    (made,) = adapter.every(shell.home / "adapters")
    assert made.card.training["steps"] == done.json["steps"]
    assert sorted(path.name for path in made.folder.iterdir()) == [adapter.CONFIG, adapter.WEIGHTS, adapter.CARD]


async def test_a_base_in_4_bit_is_not_shared_out_and_what_else_can_be_done_is_said(shell: Terminal) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bot")
    refused = await ended(await shell.start("train", "--method", "qlora", program=torchrun))
    assert refused.code
    assert "cannot be shared out over several GPUs" in refused.err
    assert "Use --method lora" in refused.err


def test_what_several_gpus_have_trained_is_said_to_be_measured_later() -> None:
    trained = {"adapter": "1", "steps": 7, "seconds": 8.2}
    assert learning._told(trained) == "1: 7 steps in 8 s. " + learning.MEASURED_LATER
    assert learning._told(trained | {"why_none": "Too few."}) == "1: 7 steps in 8 s. Too few."
    losses = {"why_none": "", "loss_base": 4.5, "loss_adapter": 3.25}
    assert learning._told(trained | losses) == "1: 7 steps in 8 s. Loss 4.500 -> 3.250."
