"""Which adapter speaks. Read from the folders and the ledger alone, without torch, so that `status` may ask too.

A card is marked stale by whoever takes a consent back; that is compared with the ledger at each use all the same, since
an adapter may be finished, or have been loaded, at that very moment.
"""

from bot.desk import Desk
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from training import adapter as adapters
from training.adapter import Adapter


def chosen(desk: Desk) -> Adapter | None:
    """The adapter the settings name, else the newest that is not stale, else None: the untuned base.

    Raises UserError for a named one that is not there or is stale: it holds words that may no longer be used.
    """
    name = desk.settings.model.adapter
    if name:
        found = adapters.read(desk.home.adapters / name)
        demand_fit(found, desk.archive)
        return found
    every = reversed(adapters.every(desk.home.adapters))
    return next((adapter for adapter in every if not is_stale(adapter, desk.archive)), None)


def is_stale(adapter: Adapter, archive: Archive) -> bool:
    """Whether a chat inside was forgotten, or its consent revoked or narrowed, since it was learned from."""
    card = adapter.card
    scopes = {dialog_id: card.scopes.get(str(dialog_id), "chat") for dialog_id in card.chats}
    return card.stale or bool(Ledger(archive).ended(scopes))


def demand_fit(adapter: Adapter | None, archive: Archive) -> None:
    """Raise UserError (exit 7) when this adapter may no longer speak."""
    if adapter and is_stale(adapter, archive):
        raise UserError(
            f"The adapter {adapter.card.name} is stale: a chat it learned from was forgotten or its consent revoked.",
            "Run: doppelgram build, then doppelgram train.",
            ExitCode.CONSENT,
        )


def name(desk: Desk) -> str | None:
    """Its name, without an error where there is none."""
    try:
        found = chosen(desk)
    except UserError:
        return None
    return found.card.name if found else None
