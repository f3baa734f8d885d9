"""`pull`: which chats, with whose consent, and what the verb reports."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.chats import find, whole
from bot.desk import Desk
from bot.progress import PullWatcher, Shown
from data.consent import Ledger, demand_keepable
from data.errors import ExitCode, UserError
from data.message import Dialog
from data.pull import Account, Pace, Pulled
from data.telegram import Client

FOLDER = "folder:"
"""What stands before the name of a folder of the owner's."""


async def pull(desk: Desk, client: Client, arguments: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """Bring history. `arguments`: `chats` (names, none for all), `since` (ISO, or None), `dry_run`, `takeout`."""
    began = asyncio.get_running_loop().time()
    names: list[str] = arguments["chats"]
    since = datetime.fromisoformat(arguments["since"]) if arguments["since"] else None
    watcher = PullWatcher(shown)
    account = Account(client, desk.archive, watcher, Pace(desk.settings.pull.requests_per_second), since)
    shown.at(0.0, "asking for the list of chats")
    await account.look()
    chosen, others = await _chosen(desk, account, names)
    if not chosen and not others and (not names or not Ledger(desk.archive).active()):
        raise UserError(
            "No chat has a consent on record, so nothing is pulled.",
            "Your own words alone: doppelgram consent grant --all --scope own",
            ExitCode.CONSENT,
        )
    if arguments["dry_run"]:
        rows = [{"id": dialog.id, "title": dialog.title} for dialog in (*chosen, *others)]
        skipped = account.report.skipped_without_consent
        return {"dry_run": True, "chats": len(rows), "skipped_without_consent": skipped, "would_pull": rows}
    watcher.chats = len(chosen) + len(others)
    async with account.takeout() if arguments["takeout"] else nullcontext():
        await account.bring(chosen, others)
    return _report(account.report, asyncio.get_running_loop().time() - began)


def demand_consent(desk: Desk, dialog: Dialog) -> None:
    """Raise UserError (exit 7 without a consent) unless this chat's history may be kept."""
    demand_keepable(replace(dialog, protected=False))
    Ledger(desk.archive).demand(dialog)


def demand_folder_names(names: Iterable[str]) -> None:
    """Raise UserError (exit 2) where a folder is meant and not named."""
    if any(name.startswith(FOLDER) and not name[len(FOLDER) :].strip() for name in names):
        raise UserError("That folder has no name.", f"Write it after the colon, such as {FOLDER}Work.", ExitCode.USAGE)


async def _chosen(desk: Desk, account: Account, names: list[str]) -> tuple[list[Dialog], list[Dialog]]:
    """The chats that were named, each of which must have a consent, and those that came with a folder or with all."""
    named = [
        found
        for name in names
        if not name.startswith(FOLDER)
        for found in whole(desk.archive, find(desk.archive, name))
    ]
    for dialog in named:
        demand_consent(desk, dialog)
    crowd = [
        dialog for name in names if name.startswith(FOLDER) for dialog in await account.folder(name[len(FOLDER) :])
    ]
    if not names:
        crowd = desk.archive.dialogs()
    chosen = {dialog.id: dialog for dialog in named}
    others = {dialog.id: dialog for dialog in crowd if dialog.id not in chosen}
    return list(chosen.values()), account.allowed(others.values())


def _report(pulled: Pulled, seconds: float) -> dict[str, Any]:
    return {
        "chats": pulled.chats,
        "skipped_without_consent": pulled.skipped_without_consent,
        "new": pulled.new,
        "edited": pulled.edited,
        "deleted": pulled.deleted,
        "seconds": round(seconds, 3),
        "messages_per_second": round(pulled.new / seconds, 1) if seconds else 0.0,
        "requests": pulled.requests,
        "flood_waits": pulled.flood_waits,
        "excluded": dict(pulled.excluded),
        "older_edits_not_checked": pulled.older_edits_not_checked,
    }
