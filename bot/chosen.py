"""Which adapter speaks. Read from the folders alone, without torch, so that `status` may ask too."""

from bot.desk import Desk
from data.errors import ExitCode, UserError
from training import adapter as adapters
from training.adapter import Adapter


def chosen(desk: Desk) -> Adapter | None:
    """The adapter the settings name, else the newest that is not stale, else None: the untuned base.

    Raises UserError for a named one that is not there or is stale: it holds words that may no longer be used.
    """
    name = desk.settings.model.adapter
    if not name:
        return adapters.newest(desk.home.adapters)
    found = adapters.read(desk.home.adapters / name)
    if found.card.stale:
        raise UserError(
            f"The adapter {name} is stale: a chat it learned from was forgotten or its consent revoked.",
            "Run: doppelgram build, then doppelgram train.",
            ExitCode.CONSENT,
        )
    return found


def name(desk: Desk) -> str | None:
    """Its name, without an error where there is none."""
    try:
        found = chosen(desk)
    except UserError:
        return None
    return found.card.name if found else None
