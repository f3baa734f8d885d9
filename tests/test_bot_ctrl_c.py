"""Ctrl-C in the middle of a verb, as a signal to its process: exit 130, one sentence, and the same command goes on.

`pull` and `login` are in `test_bot_commands`, `train` in `test_bot_learning`.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bot
from bot.home import Home
from data import samples
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.transcript import Scope
from tests import training_models as models
from tests.terminal import PATIENCE, Ended, Terminal, ended, until
from tests.test_data_desktop_export import chat, row
from training import adapter, base, train
from training.schedule import TrainOptions

ANNA = 20
MANY = 40_000
"""Messages, so that a verb is still at work when it is stopped."""


def stopped_well(stopped: Ended) -> None:
    assert stopped.failed(130).out == ""
    assert stopped.err.strip().endswith("Stopped. Run the same command to go on.")


def counted(home: Path) -> int:
    with closing(Archive(home / "archive.db")) as archive:
        return archive.count()


async def test_a_build_that_is_stopped_leaves_the_dataset_as_it_was(tmp_path: Path) -> None:
    shell = Terminal(tmp_path)
    dataset = shell.home / "dataset"
    with closing(Home.at(shell.home).open_archive()) as archive:
        archive.save_dialogs([Dialog(ANNA, Kind.PRIVATE, "Anna")])
        Ledger(archive).grant(ANNA, Scope.CHAT, "test", "test", datetime.now(UTC))
        archive.save([said(number) for number in range(1, 20)])
        (await shell("build")).ok()
        before = samples.read_card(dataset)
        archive.save([said(number) for number in range(20, MANY)])
    process = await shell.start("build", "--json")
    await until(lambda: any((dataset / "unfinished").glob("turns-*")))
    process.send_signal(signal.SIGINT)
    stopped_well(await ended(process))
    assert samples.read_card(dataset) == before
    assert not (dataset / "unfinished").exists()
    again = (await shell("build", "--json")).ok().json
    assert again["messages"] == MANY - 1
    assert again["dataset"] != before.hash


def said(number: int) -> Message:
    return Message(ANNA, number, number % 2 == 0, models.NOON + timedelta(minutes=number), f"line {number}")


async def test_an_import_that_is_stopped_keeps_what_it_read_and_takes_in_the_rest(tmp_path: Path) -> None:
    shell = Terminal(tmp_path)
    file = tmp_path / "result.json"
    rows = (row(number, ANNA, text=f"line {number}") for number in range(1, MANY + 1))
    file.write_text(json.dumps(chat(*rows, number=ANNA, name="Anna")))
    (await shell("import", str(file))).failed(7)
    (await shell("consent", "grant", "Anna", "--scope", "chat")).ok()
    process = await shell.start("import", str(file), "--json")
    await until(lambda: counted(shell.home) > 0)
    process.send_signal(signal.SIGINT)
    stopped_well(await ended(process))
    kept = counted(shell.home)
    assert 0 < kept < MANY
    assert (await shell("import", str(file), "--json")).ok().json["new"] == MANY - kept
    assert counted(shell.home) == MANY


async def test_an_evaluation_that_is_stopped_changes_nothing(tmp_path: Path) -> None:
    base.find("smollm2", models.MODELS)
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(8))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(8):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    settings = {
        "DOPPELGRAM_MODEL__BASE": "smollm2",
        "DOPPELGRAM_MODEL__CACHE": str(models.MODELS),
        "DOPPELGRAM_MODEL__MAX_TOKENS": "8",
        "DOPPELGRAM_MODEL__THREADS": "1",
    }
    shell = Terminal(tmp_path, settings=settings)
    train.train(models.real(), home.dataset, home.adapters / "me", TrainOptions(max_steps=1, rank=4))
    adapter.detach(models.real())
    (made,) = adapter.every(home.adapters)
    seen, terminal = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "evaluate", "--json"),
        cwd=tmp_path,
        env=shell.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    await asyncio.wait_for(asyncio.to_thread(read_until, seen, b"held-out"), PATIENCE)
    process.send_signal(signal.SIGINT)
    shown = await asyncio.wait_for(asyncio.to_thread(read_until, seen), PATIENCE)
    assert await process.wait() == 130
    assert process.stdout
    assert await process.stdout.read() == b""
    assert b"Stopped. Run the same command to go on." in shown
    assert b"Traceback" not in shown
    assert adapter.every(home.adapters) == [made]


def test_ctrl_c_while_python_runs_text_as_for_a_dataclass_ends_as_anywhere(tmp_path: Path) -> None:
    (tmp_path / "stopped.py").write_text(
        "from bot.cli import ending\nending(lambda: exec('raise KeyboardInterrupt'))\n"
    )
    path = os.pathsep.join((str(tmp_path), str(Path(bot.__file__).parents[1])))
    process = subprocess.run(
        [sys.executable, "-m", "stopped"], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert process.stderr == "Stopped. Run the same command to go on.\n"
    assert process.returncode == 130


def read_until(screen: int, word: bytes = b"nobody writes this") -> bytes:
    """What is shown on a terminal until this word comes, or until nobody has it open any more."""
    seen = b""
    with suppress(OSError):  # how Linux says the latter
        while word not in seen and (part := os.read(screen, 65536)):
            seen += part
    return seen
