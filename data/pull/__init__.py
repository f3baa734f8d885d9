"""Telegram's history -> archive: once and completely, then only what changed, at the speed that Telegram bears.

`account` brings many chats up to date and finds what changed in any of them; `history` reads one chat, page by page.
"""

from data.pull.account import CLOSED, Account, Audience, unlisted
from data.pull.history import Puller
from data.pull.pace import Pace
from data.pull.page import PAGE
from data.pull.question import Pulled, Watcher

__all__ = ["CLOSED", "PAGE", "Account", "Audience", "Pace", "Pulled", "Puller", "Watcher", "unlisted"]
