"""Which adapter speaks. Read from the folders and the ledger alone, without torch, so that `status` may ask too.

A card is marked stale by whoever takes a consent back; that is compared with the ledger at each use all the same, since
an adapter may be finished, or have been loaded, at that very moment.
"""

from bot.desk import Desk
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.samples import write_private
from training import adapter as adapters
from training.adapter import Adapter

CHOICE = "speaks"
"""The file beside the adapters that `adapters use` writes a name into. The settings go before it."""


def chosen(desk: Desk) -> Adapter | None:
    """The adapter the settings name, else the one that was chosen, else the newest that is not stale, else None: the
    untuned base.

    Raises UserError for a named one that is not there or is stale: it holds words that may no longer be used.
    """
    if name := wanted(desk):
        found = adapters.read(desk.home.adapters / name)
        demand_fit(found, desk.archive)
        return found
    every = reversed(adapters.every(desk.home.adapters))
    return next((adapter for adapter in every if not is_stale(adapter, desk.archive)), None)


def speaking(desk: Desk) -> tuple[Adapter | None, str]:
    """The adapter that speaks, and why not where a named one may not: then the untuned base drafts and asks, and
    nothing is sent by itself."""
    try:
        return chosen(desk), ""
    except UserError as error:
        return None, f"{error} {error.hint}"


def wanted(desk: Desk) -> str | None:
    """The name in the settings, else the chosen one; None where nobody chose: then the newest speaks."""
    return desk.settings.model.adapter or choice(desk)


def choice(desk: Desk) -> str | None:
    """What `adapters use` was told last."""
    try:
        return (desk.home.adapters / CHOICE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def choose(desk: Desk, name: str | None) -> None:
    """Let this adapter speak from now on, or with None the newest again."""
    if name is None:
        (desk.home.adapters / CHOICE).unlink(missing_ok=True)
    else:
        write_private(desk.home.adapters / CHOICE, f"{name}\n")


def drop_stale_choice(desk: Desk) -> None:
    """After a training: a choice that may not speak any more ends, so that the new adapter is heard."""
    name = choice(desk)
    if name and not any(
        each.card.name == name and not is_stale(each, desk.archive) for each in adapters.every(desk.home.adapters)
    ):
        choose(desk, None)


def is_stale(adapter: Adapter, archive: Archive) -> bool:
    """Whether a chat inside was forgotten, or a consent there revoked or narrowed, since it was learned from."""
    card = adapter.card
    scopes = {dialog_id: card.scopes.get(str(dialog_id), "chat") for dialog_id in card.chats}
    return card.stale or bool(Ledger(archive).ended(scopes, card.built_at))


def demand_fit(adapter: Adapter | None, archive: Archive) -> None:
    """Raise UserError (exit 7) when this adapter may no longer speak."""
    if adapter and is_stale(adapter, archive):
        raise UserError(
            f"The adapter {adapter.card.name} is stale: a chat it learned from was forgotten or its consent revoked.",
            "Run: doppelgram build, then doppelgram train; and doppelgram adapters use, for the newest to speak.",
            ExitCode.CONSENT,
        )


def name(desk: Desk) -> str | None:
    """Its name, without an error where there is none."""
    try:
        found = chosen(desk)
    except UserError:
        return None
    return found.card.name if found else None
