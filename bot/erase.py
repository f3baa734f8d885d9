"""Leaving no trace: one chat out of everything (`forget`), or everything (`wipe`).

`wipe` removes what doppelgram itself puts into a home folder, by name, so that a home that was set to the wrong
folder cannot cost anybody their files; what it does not know it leaves and reports.
"""

import shutil
from pathlib import Path
from typing import Any

from bot.desk import Desk
from bot.home import FOLDERS, Home
from bot.silence import silence
from data import samples
from data.consent import Ledger
from data.errors import UserError
from training import adapter as adapters


def forget(desk: Desk, dialog_id: int) -> dict[str, Any]:
    """Remove a chat from everywhere and revoke its consent; returns what was removed.

    First it is silenced, so that a running client says nothing more there. The archive comes last: while its messages
    are there, an interrupted `forget` can be told from a finished one. What was learned from the chat is marked, not
    deleted, because other chats are in it too.
    """
    silence(desk.live, dialog_id, desk.now)
    consent = Ledger(desk.archive).revoke(dialog_id, desk.now)
    rows = desk.live.forget(dialog_id)
    dataset = _holds(desk.home, dialog_id)
    if dataset:
        shutil.rmtree(desk.home.dataset)
    unfinished = _remove_unfinished(desk.home)
    stale = adapters.mark_stale(desk.home.adapters, dialog_id)
    reports = _files(desk.home.reports) if dataset or stale else 0  # a report quotes what was said
    if reports:
        shutil.rmtree(desk.home.reports)
    return {
        "messages": desk.archive.forget(dialog_id),
        **rows,
        "dataset": dataset,
        "unfinished_trainings": unfinished,
        "reports": reports,
        "consent": consent,
        "stale_adapters": stale,
    }


def _holds(home: Home, dialog_id: int) -> bool:
    """Whether the dataset holds this chat; one that cannot be read is taken to."""
    if not home.dataset.exists():
        return False
    try:
        return dialog_id in samples.read_card(home.dataset).chats
    except UserError:
        return True


def _remove_unfinished(home: Home) -> int:
    """An interrupted training says nowhere what it learned from, so it goes; returns how many there were."""
    found = [path for path in home.adapters.glob("*") if path.is_dir() and not (path / adapters.CARD).exists()]
    for folder in found:
        shutil.rmtree(folder)
    return len(found)


def _files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def wipe(home: Home) -> tuple[int, list[str]]:
    """Remove everything of ours; returns how many files went, and the names of what is not ours and stays.

    The caller holds the locks until this returns. Their files go last: whoever finds them knows that we are at work.
    """
    removed = 0
    for name in FOLDERS:
        removed += _files(home.path / name)
        shutil.rmtree(home.path / name, ignore_errors=True)
    for path in home.ours():
        path.unlink(missing_ok=True)
        removed += 1
    left = sorted(path.name for path in home.path.iterdir())
    if not left:
        home.path.rmdir()
    return removed, left
