"""The owner's account as far as this machine knows it, from the files alone: whether there is a login, and whose
archive this is. Nothing is asked of Telegram here; that is `bot.connection`."""

import json
from datetime import datetime

from bot.desk import Desk
from data.archive import Archive
from data.errors import ExitCode, UserError
from data.owner import Owner

FIRST_YEAR = 2013
"""Telegram is not older. A machine that believes otherwise has lost its clock, as some do without a battery."""
_ENDED = "login"
"""The fact that tells whether Telegram has ended it. The file stays: it may have been another server that was asked."""
CLOCK_FIX = "Set this machine's clock, best by NTP."


def demand_clock(now: datetime) -> None:
    """Raise UserError (exit 5) when this machine's clock cannot be right: records of consent, quiet hours and what
    counts as new all go by it."""
    if now.year < FIRST_YEAR:
        raise UserError(f"It is {now.year} by this machine's clock.", CLOCK_FIX, ExitCode.PREFLIGHT)


def is_logged_in(desk: Desk) -> bool:
    """Whether there is a login here, as far as this machine knows: a login is moved into place once it is whole."""
    return desk.home.session.exists()


def has_ended(desk: Desk) -> bool:
    """Whether Telegram did not know this login any more when it was asked last."""
    return desk.home.archive.exists() and bool(desk.archive.fact(_ENDED))


def remember_end(archive: Archive, error: UserError) -> None:
    """Note it where this says that Telegram does not know the login any more."""
    if error.code is ExitCode.NOT_LOGGED_IN:
        archive.set_fact(_ENDED, "ended")


def owner_of(archive: Archive) -> Owner | None:
    """Whose archive this is; None before the first login."""
    known = archive.fact("account")
    return Owner(**json.loads(known)) if known else None


def claim(archive: Archive, owner: Owner) -> None:
    """Remember whose archive this is. Raises UserError when it is somebody else's: two people must never mix."""
    known = owner_of(archive)
    if known is not None and known.user_id != owner.user_id:
        raise UserError(
            f"This home folder is {known.name}'s, and {owner.name} is logged in.",
            "Set DOPPELGRAM_HOME to another folder, or log out and log in as the first.",
        )
    if archive.fact(_ENDED):
        archive.set_fact(_ENDED, "")
    archive.set_fact("account", json.dumps({"user_id": owner.user_id, "name": owner.name}))
