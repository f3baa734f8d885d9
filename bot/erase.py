"""Leaving no trace: one chat out of everything (`forget`), or everything (`wipe`).

`wipe` removes what doppelgram itself puts into a home folder, by name, so that a home that was set to the wrong
folder cannot cost anybody their files; what it does not know it leaves and reports.
"""

import shutil
from pathlib import Path
from typing import Any

from bot.desk import Desk
from bot.home import Home
from bot.silence import silence
from data import samples
from data.consent import Ledger
from data.errors import UserError
from training import adapter as adapters

OURS = ("account.session*", "login.session*", "archive.db*", "live.db*", "surrogates.key", "login.lock", "config.toml")
FOLDERS = ("dataset", "adapters", "reports")


def forget(desk: Desk, dialog_id: int) -> dict[str, Any]:
    """Remove a chat from everywhere and revoke its consent; returns what was removed.

    First it is silenced, so that a running client says nothing more there; what was learned from it is marked, not
    deleted, because other chats are in it too.
    """
    silence(desk.live, dialog_id, desk.now)
    rows = desk.live.forget(dialog_id)
    messages = desk.archive.forget(dialog_id)
    dataset = dialog_id in _dataset_chats(desk.home)
    reports = 0
    if dataset:
        shutil.rmtree(desk.home.dataset)
    stale = adapters.mark_stale(desk.home.adapters, dialog_id)
    if (dataset or stale) and desk.home.reports.exists():  # a report quotes what was said
        reports = sum(1 for path in desk.home.reports.rglob("*") if path.is_file())
        shutil.rmtree(desk.home.reports)
    return {
        "messages": messages,
        **rows,
        "dataset": dataset,
        "reports": reports,
        "consent": Ledger(desk.archive).revoke(dialog_id, desk.now),
        "stale_adapters": stale,
    }


def _dataset_chats(home: Home) -> set[int]:
    """The chats inside the dataset; of a dataset that cannot be read, whatever it holds is removed with it."""
    if not home.dataset.exists():
        return set()
    try:
        return set(samples.read_card(home.dataset).chats)
    except UserError:
        shutil.rmtree(home.dataset)
        return set()


def wipe(home: Home) -> tuple[int, list[str]]:
    """Remove everything of ours; returns how many files went, and the names of what is not ours and stays."""
    removed = 0
    for name in FOLDERS:
        removed += sum(1 for path in (home.path / name).rglob("*") if path.is_file())
        shutil.rmtree(home.path / name, ignore_errors=True)
    for path in _ours(home):
        path.unlink(missing_ok=True)
        removed += 1
    left = sorted(path.name for path in home.path.iterdir())
    if not left:
        home.path.rmdir()
    return removed, left


def _ours(home: Home) -> list[Path]:
    return [path for pattern in OURS for path in home.path.glob(pattern)]
