"""What is done in one chat beside its mode: who agreed to what, its own limits, and a pause. By the same functions as
the verb `consent` and the companion bot.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import Desk
from bot.limits import Limits
from bot.silence import pause
from bot.switching import resume
from bot.web.chats import dialog_of, shown
from bot.web.office import Office, form, of
from data.consent import Ledger, demand_keepable
from data.errors import UserError
from data.message import Dialog, Kind
from data.transcript import Scope

Made = TypeVar("Made")
LONGEST = 500
"""Characters in which somebody says how it was agreed."""


async def more(request: Request) -> Response:
    """A chat with its consent and its limits."""
    return _open(request)


async def less(request: Request) -> Response:
    """The row alone."""
    return shown(of(request), dialog_of(request))


async def hold(request: Request) -> Response:
    """Pause one chat: what waits or is on its way there ends."""
    office, dialog = of(request), dialog_of(request)
    pause(office.desk.live, dialog.id, office.desk.now)
    return shown(office, dialog)


async def go_on(request: Request) -> Response:
    """End its pause."""
    office, dialog, problem = of(request), dialog_of(request), ""
    try:
        resume(office.desk.archive, office.desk.policy, dialog.id, office.desk.now)
    except UserError as error:
        problem = error.message
    return shown(office, dialog, problem)


async def grant(request: Request) -> Response:
    """Record a consent, which is the owner's own statement."""
    dialog, given = dialog_of(request), await form(request)
    scope, how = given.get("scope", [""])[0], " ".join(given.get("how", [""])[0].split())[:LONGEST]
    member = given.get("member", [""])[0].strip()

    def record(desk: Desk) -> str:
        from bot import chats, consenting

        if scope not in list(Scope):
            raise UserError("Say what may be used.", "Your own words, or the whole chat.")
        parts = chats.whole(desk.archive, dialog)
        if dialog.kind is Kind.GROUP and scope == Scope.CHAT:
            who = consenting.grant_member(desk, parts, Scope.CHAT, member or None, how or None)
            return f"Recorded for {who.name}. Their words come with the next pull."
        for part in parts:
            demand_keepable(part)
        return _told(consenting.grant(desk, parts, Scope(scope), how or None))

    return await _done(request, record)


async def revoke(request: Request) -> Response:
    """Take one back: nothing more is said there from this moment on."""
    dialog, given = dialog_of(request), await form(request)
    member = given.get("member", [""])[0] or None

    def end(desk: Desk) -> str:
        from bot import chats, consenting, renting

        done = consenting.revoke(desk, dialog, member)
        held = renting.held(desk.home, *(part.id for part in chats.whole(desk.archive, dialog)))
        elsewhere = f" · {renting.remains(held)}" if held and done.had else ""
        stale = f" Stale now: {', '.join(done.stale)}." if done.stale else ""
        if done.member and not done.had:
            return f"{done.member} had no consent on record here."
        if done.member:
            return f"Revoked for {done.member}, and the group is off.{stale} {done.standing}{elsewhere}"
        return f"Revoked, and off.{stale} To remove its messages too: doppelgram forget {dialog.id}{elsewhere}"

    return await _done(request, end)


async def limit(request: Request) -> Response:
    """Set this chat's own caps and quiet hours; an empty field is as in the settings."""
    office, dialog, given = of(request), dialog_of(request), await form(request)
    hour, day, quiet = (given.get(name, [""])[0].strip() for name in ("chat_hour", "chat_day", "quiet_hours"))
    try:
        Limits(_count(hour), _count(day), quiet.replace(" ", "") or None).keep(office.desk.live, dialog.id)
    except UserError as error:
        return _open(request, f"{error.message} {error.hint}", wanted=(hour, day, quiet))
    return _open(request, done="Kept.")


def _count(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 7):
        raise UserError("Replies are counted in whole numbers.", "Nothing was changed.")
    return int(text) if text else None


def _told(report: dict[str, Any]) -> str:
    """What follows from a consent that was recorded."""
    told = ["Recorded. Next: doppelgram pull, then build."]
    if report["masked"]:
        told.append("What they wrote is kept as marks of length and kind from now on, and the chat is off.")
    if stale := report["stale_adapters"]:
        told.append(f"Stale now: {', '.join(stale)}.")
    return " ".join(told)


async def _done(request: Request, work: Callable[[Desk], str]) -> Response:
    """Do it beside the event loop, as a large archive takes its time, and show the chat again."""
    desk = of(request).desk

    def apart() -> str:
        with Desk.at(desk.settings, desk.home) as own:
            return work(own)

    try:
        return _open(request, done=await asyncio.to_thread(apart))
    except UserError as error:
        return _open(request, f"{error.message} {error.hint}")


def _open(
    request: Request, problem: str = "", *, done: str = "", wanted: tuple[str, str, str] | None = None
) -> Response:
    office, dialog = of(request), dialog_of(request)
    return shown(office, dialog, problem, more=_more(office, dialog) | {"done": done} | _typed(wanted))


def _more(office: Office, dialog: Dialog) -> dict[str, Any]:
    desk = office.desk
    consent, here = Ledger(desk.archive).of(dialog.id), Limits.of(desk.live, dialog.id)
    people = desk.archive.people() if consent and consent.members else {}
    return {
        "consent": consent,
        "members": [(each, people[each].name if each in people else str(each)) for each in sorted(consent.members)]
        if consent
        else [],
        "group": dialog.kind is Kind.GROUP,
        "general": desk.settings.live,
        "limits": [here.chat_hour, here.chat_day, here.quiet_hours],
    }


def _typed(wanted: tuple[str, str, str] | None) -> dict[str, Any]:
    """What was refused stands in the fields still."""
    return {} if wanted is None else {"limits": list(wanted)}


ROUTES = [
    Route("/chats/{id:chat}", more),
    Route("/chats/{id:chat}/less", less),
    Route("/chats/{id:chat}/pause", hold, methods=["POST"]),
    Route("/chats/{id:chat}/resume", go_on, methods=["POST"]),
    Route("/chats/{id:chat}/grant", grant, methods=["POST"]),
    Route("/chats/{id:chat}/revoke", revoke, methods=["POST"]),
    Route("/chats/{id:chat}/limits", limit, methods=["POST"]),
]
