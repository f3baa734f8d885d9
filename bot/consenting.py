"""Recording that somebody agreed, and taking it back: what the verb `consent` and the page do alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot import account, chats, erase
from bot.desk import Desk
from bot.silence import silence
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Person
from data.transcript import Scope
from training.adapter import mark_stale

OWN_HOW = "only the owner's own words are kept"
CHAT_HOW = "the owner states that the other person agreed"
Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revoke ended: whether there was a record, how many suggestions were under way, and who is stale now."""

    had: bool
    cancelled: int
    stale: list[str]
    member: str = ""
    """Whose record alone, where it is that of one member of a group."""
    agreeing: tuple[str, ...] = ()
    """The members whose records stand."""

    @property
    def standing(self) -> str:
        """What of the group may still be used, once a member has taken theirs back."""
        if not self.agreeing:
            return "Nobody else has agreed there; your own words there may still be used."
        return f"Still agreed there: {', '.join(self.agreeing)}."


def grant(
    desk: Desk, chosen: Sequence[Dialog], scope: Scope, how: str | None, told: Told = lambda share, words: None
) -> dict[str, Any]:
    """Record the consents; returns what follows from those that are narrower or wider than before. `how` in the
    owner's words, if they gave any. Raises UserError where the clock is wrong: a record says when."""
    account.demand_clock(desk.now)
    ledger, owner = Ledger(desk.archive), account.owner_of(desk.archive)
    before = {each.dialog_id: each.scope for each in ledger.history()}
    changed = [each.id for each in chosen if before.get(each.id, scope) is not scope]
    how = how or (OWN_HOW if scope is Scope.OWN else CHAT_HOW)
    for done, dialog in enumerate(chosen):
        told(done / len(chosen), dialog.title)
        if scope is Scope.OWN and dialog.id in changed:
            silence(desk.live, dialog.id, desk.now)
        ledger.grant(dialog.id, scope, owner.name if owner else "owner", how, desk.now)
    held = [each for each in changed if desk.archive.count(each)]
    if scope is Scope.CHAT:
        return {"pull_again": held, "masked": [], "dataset": False, "stale_adapters": []}
    told(1.0, "leaving no trace")
    learned = erase.narrow(desk, [each.id for each in chosen])
    return {"pull_again": [], "masked": held, **learned}


def grant_member(desk: Desk, chosen: Sequence[Dialog], scope: Scope, name: str | None, how: str | None) -> Person:
    """Record that one member of a group, and of what the group was before, agreed. Raises UserError."""
    account.demand_clock(desk.now)
    if name is None:
        raise UserError(
            "In a group each member agrees alone.",
            "Name one who did: doppelgram consent grant GROUP --scope chat --member @anna",
            ExitCode.USAGE,
        )
    if scope is not Scope.CHAT or any(each.kind is not Kind.GROUP for each in chosen):
        raise UserError("--member is for groups, with --scope chat.", "Name a group.", ExitCode.USAGE)
    who, owner = chats.person(desk.archive, name), account.owner_of(desk.archive)
    for dialog in chosen:
        Ledger(desk.archive).grant_member(
            dialog.id, who.id, owner.name if owner else "owner", how or CHAT_HOW, desk.now
        )
    return who


def revoke(desk: Desk, dialog: Dialog, member: str | None = None) -> Revoked:
    """Take a consent back, of a whole chat or of one member of a group. Raises UserError for a member nobody knows; of
    one who never agreed there nothing changes.

    First nothing more is said there, then what was learned is marked, then the record ends: killed in between and
    granted anew, what was learned before stays marked.
    """
    ledger, parts = Ledger(desk.archive), chats.whole(desk.archive, dialog)
    ids = {part.id for part in parts}
    who = chats.person(desk.archive, member) if member else None
    if who and not any(each.member_id == who.id and each.dialog_id in ids for each in ledger.history()):
        return Revoked(False, 0, [], who.name, _agreeing(desk, parts))
    cancelled = sum(silence(desk.live, part.id, desk.now) for part in parts)
    if who:
        had = bool([part for part in parts if ledger.revoke_member(part.id, who.id, desk.now)])
        stale = erase.narrow(desk, [part.id for part in parts])["stale_adapters"]
        return Revoked(had, cancelled, stale, who.name, _agreeing(desk, parts))
    agreed = [part for part in parts if ledger.of(part.id)]
    stale = [name for part in agreed for name in mark_stale(desk.home.adapters, part.id)]
    had = bool([part for part in agreed if ledger.revoke(part.id, desk.now)])
    if had:
        erase.remove_unfinished(desk.home)
    return Revoked(had, cancelled, stale)


def _agreeing(desk: Desk, parts: Sequence[Dialog]) -> tuple[str, ...]:
    """The names of who agrees in a group; of somebody who is not known here any more, the id."""
    active, people = Ledger(desk.archive).active(), chats.people(desk.archive)
    members = {each for part in parts if part.id in active for each in active[part.id].members}
    return tuple(sorted(people[each].name if each in people else str(each) for each in members))
