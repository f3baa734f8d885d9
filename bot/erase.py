"""Leaving no trace: one chat out of everything (`forget`), the other side's words (`narrow`), or everything (`wipe`).

`wipe` removes what doppelgram itself puts into a home folder, by name, so that a home that was set to the wrong
folder cannot cost anybody their files; what it does not know it leaves and reports.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bot.desk import Desk
from bot.home import FOLDERS, Home
from bot.silence import silence
from bot.withdraw import withdraw
from data import samples
from data.consent import Ledger
from data.errors import UserError
from data.transcript import Scope
from training import adapter as adapters

TRIES = 3
"""How often a folder is deleted in which something appears meanwhile, before that is an error."""


def forget(desk: Desk, *dialog_ids: int) -> dict[str, Any]:
    """Remove a chat from everywhere and revoke its consent; returns what was removed. A supergroup that was a basic
    group before has two ids.

    First it is silenced, so that a running client says nothing more there, and the twin's untouched draft is taken out
    of its input box while it is still known what it was. The archive comes last: while its messages
    are there, an interrupted `forget` can be told from a finished one. What was learned from the chat is marked, not
    deleted, because other chats are in it too.
    """
    ledger, rows = Ledger(desk.archive), Counter[str]()
    for dialog_id in dialog_ids:
        silence(desk.live, dialog_id, desk.now)
    withdrawn = [withdraw(desk, dialog_id) for dialog_id in dialog_ids]
    consents = [ledger.revoke(dialog_id, desk.now) for dialog_id in dialog_ids]
    for dialog_id in dialog_ids:
        rows.update(desk.live.forget(dialog_id))
    learned, known = _unlearn(desk.home, dialog_ids, tuple(Scope)), desk.archive.people().keys()
    removed = {"messages": desk.archive.forget(*dialog_ids), **rows, **learned}
    unnamed = _unname(desk.home, {*dialog_ids, *(known - desk.archive.people().keys())})
    return removed | {"consent": any(consents), "draft_left": not all(withdrawn), "names_left": not unnamed}


def narrow(desk: Desk, dialog_ids: Collection[int]) -> dict[str, Any]:
    """Take the last trace of the other side's words in these chats from the disk; returns what was removed.

    Call it when their consent is `own` by now: the ledger has masked the messages, and here go the copies of their
    words in datasets, reports and the archive's own file, and in `live.db` their fingerprints: what remains there are
    ids, rules and the twin's own words.
    """
    for dialog_id in dialog_ids:
        desk.live.mask(dialog_id)
    agreed = {consent.dialog_id for consent in Ledger(desk.archive).history() if consent.scope is Scope.CHAT}
    learned = _unlearn(desk.home, agreed & set(dialog_ids), (Scope.CHAT,))
    if any(desk.archive.count(dialog_id) for dialog_id in dialog_ids):
        desk.archive.rewrite()
    return learned


def _unlearn(home: Home, dialog_ids: Collection[int], scopes: Collection[Scope]) -> dict[str, Any]:
    """Remove what was made of these chats under one of these scopes, and mark the adapters that learned it."""
    dataset = _holds(home, dialog_ids, scopes)
    if dataset:
        shutil.rmtree(home.dataset)
    stale = [each for each in adapters.every(home.adapters) if _inside(each.card, dialog_ids, scopes)]
    for adapter in stale:
        adapters.update(adapter, stale=True)
    reports = _files(home.reports) if dataset or stale else 0  # a report quotes what was said
    if reports:
        _remove(home.reports)
    return {
        "dataset": dataset,
        "unfinished_trainings": remove_unfinished(home) if dialog_ids else 0,
        "reports": reports,
        "stale_adapters": [adapter.card.name for adapter in stale],
    }


def _remove(folder: Path) -> None:
    """Delete a folder where an evaluation may be writing at this moment, or removing what it wrote."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)


def _unname(home: Home, ids: Collection[int]) -> bool:
    """Take names out of the login's file, where Telethon notes those of everybody it hears of; the next list of chats
    brings back those that still are on it. False where a client is at work: it holds the file, and would write them
    again."""
    if not home.session.exists():
        return True
    if home.is_held():
        return False
    with closing(sqlite3.connect(home.session)) as db, suppress(sqlite3.DatabaseError):  # a file that is none has none
        db.execute("PRAGMA secure_delete = ON")
        with db:
            db.executemany("DELETE FROM entities WHERE id = ?", [(each,) for each in ids])
    return True


def _inside(card: adapters.Card, dialog_ids: Collection[int], scopes: Collection[Scope]) -> bool:
    return any(each in card.chats and card.scopes.get(str(each), Scope.CHAT) in scopes for each in dialog_ids)


def _holds(home: Home, dialog_ids: Collection[int], scopes: Collection[Scope]) -> bool:
    """Whether the dataset holds one of these chats in such a scope; one that cannot be read is taken to."""
    if not home.dataset.exists():
        return False
    if (home.dataset / samples.UNFINISHED).exists():  # a build was killed, and nobody knows what it wrote of which chat
        return True
    try:
        inside = samples.read_card(home.dataset).scopes
    except UserError:
        return True
    return any(inside.get(str(dialog_id)) in scopes for dialog_id in dialog_ids)


def remove_unfinished(home: Home) -> int:
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
