"""Putting a chat into a mode, from the command line, from Saved Messages or on the page: the same rules everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot import chats, unlock
from bot.policy import Mode, Policy
from bot.silence import silence
from bot.unlock import Record
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog
from data.transcript import Scope


@dataclass(frozen=True, slots=True)
class Switched:
    """What was set, whether the twin is silent there all the same, for want of a consent, and how it is with `auto`."""

    dialog: Dialog
    mode: Mode
    silent: bool
    remarks: tuple[str, ...] = ()


def switch(archive: Archive, policy: Policy, chat: str, mode: Mode, now: datetime, *, force: bool = False) -> Switched:
    """Put a chat, by its name or id, into a mode. `auto` must be earned, or forced. Raises UserError."""
    dialog = chats.find(archive, chat)
    consent = Ledger(archive).of(dialog.id)
    agreed = consent is not None and consent.scope is Scope.CHAT
    if mode is not Mode.OFF:
        _demand_people(dialog, agreed)
    earned = unlock.record(policy.live, dialog.id)
    if mode is Mode.AUTO and not force:
        _demand_earned(earned, dialog)
    if mode is Mode.AUTO and now < (until := policy.limited_until()):
        raise UserError(
            f"Telegram limits this account, so no chat is automatic until {until.astimezone(policy.zone):%a %H:%M}.",
            "Use ask until then.",
        )
    newest = max((message.id for message in archive.recent(dialog.id, 1)), default=0)
    policy.set_mode(dialog, mode, now, newest)
    if mode is Mode.OFF:  # what was approved before must not go out when the chat is listed again
        silence(policy.live, dialog.id, now)
    remarks = tuple(_of_auto(policy, dialog, earned)) if mode is Mode.AUTO else ()
    return Switched(dialog, mode, mode is not Mode.OFF and not agreed, remarks)


def resume(archive: Archive, policy: Policy, dialog_id: int, now: datetime) -> Switched:
    """Put a paused chat back into the mode it had; what was written meanwhile is history. Raises UserError."""
    before = policy.before(dialog_id)
    if before is None:
        raise UserError("That chat is not paused.", "Choose a mode for it.")
    return switch(archive, policy, str(dialog_id), before, now, force=True)  # earned or insisted on when it was set


def _demand_people(dialog: Dialog, agreed: bool) -> None:
    if not dialog.may_be_answered:
        raise UserError(f"{dialog.title} is {dialog.kind.noun}, and the twin writes to people only.", "It stays off.")
    if not dialog.with_a_person and not agreed:
        raise UserError(
            f"In {dialog.title} nobody has agreed yet, so there is nobody whom the twin may answer.",
            f"For each member who agrees: doppelgram consent grant {dialog.id} --scope chat --member @anna",
            ExitCode.CONSENT,
        )


def _of_auto(policy: Policy, dialog: Dialog, record: Record) -> Iterator[str]:
    """What the owner should know who switches it on."""
    if not record.earned:
        yield f"It has not earned that: {record}."
    if dialog.with_a_person and not dialog.contact:
        yield "They are not in your contacts, so it asks there all the same."
    yield f"It lasts for {policy.limits.auto_days:g} days. To stop everything at once: doppelgram pause"


def _demand_earned(record: Record, dialog: Dialog) -> None:
    if not record.earned:
        raise UserError(
            f"{dialog.title} has not earned auto: {record};"
            f" {unlock.OFFERS} with {unlock.ACCEPTED:.0%} of them accepted unlock it.",
            f"Use ask until then, or insist: doppelgram chats set {dialog.id} --mode auto --force",
        )
