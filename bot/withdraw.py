"""Take back what the twin put into a chat's input box, from a command: the running client does it if there is one, else
the command logs in for it. An owner's own text in that box is never touched."""

import asyncio
import time

from bot.desk import Desk
from bot.suggestion import Suggestion, Suggestions
from data.errors import UserError

PATIENCE = 5.0
"""Seconds in which a running client does it; it looks ten times a second."""


def withdraw(desk: Desk, dialog_id: int) -> bool:
    """Empty the input box of a silenced chat; False when nobody could reach Telegram, so that a draft may lie there."""
    if not _placed(desk, dialog_id):
        return True
    if desk.home.is_held():
        return _left_to_the_client(desk, dialog_id)
    try:
        with desk.home.holding_login("forget"):
            return asyncio.run(_remove(desk, dialog_id))
    except (UserError, ValueError):  # Telethon's word for a chat that this login has not seen yet
        return False


def _placed(desk: Desk, dialog_id: int) -> list[Suggestion]:
    return [each for each in Suggestions(desk.live).stale_drafts() if each.dialog_id == dialog_id]


def _left_to_the_client(desk: Desk, dialog_id: int) -> bool:
    end = time.monotonic() + PATIENCE
    while _placed(desk, dialog_id):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


async def _remove(desk: Desk, dialog_id: int) -> bool:
    from bot import connection
    from bot.drafts import Drafts
    from data.telegram import readable_errors

    with readable_errors():
        async with connection.logged_in(desk) as (client, _):
            for suggestion in _placed(desk, dialog_id):
                if not await Drafts(client, desk.archive).remove(suggestion):
                    return False
                Suggestions(desk.live).withdrawn(suggestion)
    return True
