"""Whether what is here may still be used: the dataset, and both sides' words of one chat."""

from collections.abc import Mapping

from bot.desk import Desk
from data import samples
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog
from data.transcript import Scope


def demand_dataset(desk: Desk) -> None:
    """Raise UserError (exit 7) when the dataset holds a chat whose consent has ended or become narrower since."""
    card = samples.read_card(desk.home.dataset)
    if gone := ended(desk, card.scopes, card.built_at):
        raise UserError(
            f"The dataset holds {gone} chats whose consent has ended or become narrower since it was built.",
            "Run: doppelgram build",
            ExitCode.CONSENT,
        )


def ended(desk: Desk, scopes: Mapping[str, str], since: str) -> int:
    """How many of these chats may by now be used less than this, or not at all; see `Ledger.ended`."""
    return len(Ledger(desk.archive).ended({int(dialog_id): scope for dialog_id, scope in scopes.items()}, since))


def demand_chat(desk: Desk, dialog: Dialog) -> None:
    """Raise UserError (exit 7) unless both sides' words may be read here."""
    if not dialog.with_a_person:
        raise UserError(f"{dialog.title} is {dialog.kind.noun}, and the twin writes to people only.", "Name a person.")
    consent = Ledger(desk.archive).of(dialog.id)
    if consent is None or consent.scope is not Scope.CHAT:
        raise UserError(
            f"{dialog.title} has not agreed, so the twin may not read what they write.",
            f"Ask the person, then run: doppelgram consent grant {dialog.id} --scope chat",
            ExitCode.CONSENT,
        )
