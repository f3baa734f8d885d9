"""The owner's chat with their own bot, as the rest of the twin knows it: whether something can be said there, and how
the bot stands, noted so that `status` and `doctor` can tell."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.livedb import LiveDb

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class BotChat:
    """A way to the owner. `error` is how the last try to say something ended, `not_before` when Telegram wants the next
    one, by the server's clock."""

    client: Any
    owner: Any
    error: Exception | None = None
    not_before: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class Standing:
    """How the bot stands. `name` is its @username, if it was ever reached; `trouble` what is wrong, and `fix` what
    mends it."""

    name: str = ""
    trouble: str = ""
    fix: str = ""


def note(live: LiveDb, standing: Standing) -> bool:
    """Note how it stands now; False when that was known."""
    if noted(live) == standing:
        return False
    value = json.dumps([standing.name, standing.trouble, standing.fix])
    live.db.execute("REPLACE INTO switches VALUES ('companion', ?)", (value,))
    return True


def noted(live: LiveDb) -> Standing | None:
    """How it stood last; None when it never ran."""
    row = live.db.execute("SELECT value FROM switches WHERE name = 'companion'").fetchone()
    return Standing(*json.loads(row[0])) if row else None
