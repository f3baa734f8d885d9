"""The chats: how far the twin may go in each, who has agreed, what of the day's limits is used, and a search by
name."""

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.policy import Mode
from bot.switching import switch
from bot.unlock import Record, record
from bot.web.office import Office, form, of
from data.consent import Ledger
from data.errors import UserError
from data.message import Dialog
from data.transcript import Scope

MOST = 50
"""Chats shown; a search finds the others."""
MEANS = {
    Mode.OFF: "The twin does nothing here.",
    Mode.DRAFT: "It puts its words into your own input box, and you send them.",
    Mode.ASK: "It waits for you in the inbox.",
    Mode.AUTO: "It sends by itself when it is sure, and asks otherwise.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One chat as it is shown."""

    dialog: Dialog
    mode: Mode
    scope: Scope | None
    messages: int
    decided: Record
    against: str | None
    """Why nothing would be sent by itself there now; None where it may be, and where the mode is another."""

    @property
    def means(self) -> str:
        """What the mode means, and whether it is silent all the same."""
        if self.mode is not Mode.OFF and self.scope is not Scope.CHAT:
            return f"Set to {self.mode}, but silent: nobody there has agreed."
        return MEANS[self.mode]


async def page(request: Request) -> Response:
    """The whole page."""
    office = of(request)
    limits = office.desk.settings.live
    return office.show("chats.html", room="chats", limits=limits, modes=list(Mode), **_found(office, ""))


async def rows(request: Request) -> Response:
    """Those that a search finds. The words come in the body: an address is kept in places that nobody thinks of."""
    office = of(request)
    wanted = (await form(request)).get("search", [""])[0].strip()
    return office.show("chat_rows.html", modes=list(Mode), **_found(office, wanted))


async def set_mode(request: Request) -> Response:
    """Put a chat into a mode, by the rules of every surface."""
    office, number, wanted = of(request), request.path_params["id"], request.path_params["mode"]
    if wanted not in list(Mode) or (dialog := office.desk.archive.dialog(number)) is None:
        raise HTTPException(404)
    force = "force" in await form(request)
    problem, desk = None, office.desk
    try:
        switch(desk.archive, desk.policy, str(number), Mode(wanted), desk.now, force=force)
    except UserError as error:
        problem = error.message
    unearned = problem is not None and wanted == Mode.AUTO and not force
    return office.show("chat.html", row=_row(office, dialog), modes=list(Mode), problem=problem, insist=unearned)


def _found(office: Office, wanted: str) -> dict[str, Any]:
    """Chats with people first by what is listed, then by when something was said there."""
    modes = office.desk.policy.modes(office.desk.now)
    there = [each for each in office.desk.archive.dialogs() if each.may_be_kept and _fits(each, wanted)]
    there.sort(key=lambda each: modes.get(each.id, Mode.OFF) is Mode.OFF)
    return {"rows": [_row(office, each) for each in there[:MOST]], "left": max(0, len(there) - MOST)}


def _fits(dialog: Dialog, wanted: str) -> bool:
    return wanted.casefold() in f"{dialog.title} @{dialog.username or ''}".casefold()


def _row(office: Office, dialog: Dialog) -> Row:
    desk = office.desk
    consent, mode = Ledger(desk.archive).of(dialog.id), desk.policy.mode(dialog.id, desk.now)
    return Row(
        dialog,
        mode,
        consent.scope if consent else None,
        desk.archive.count(dialog.id),
        record(desk.live, dialog.id),
        desk.policy.against_auto(dialog.id, desk.now) if mode is Mode.AUTO else None,
    )


ROUTES = [
    Route("/chats", page),
    Route("/chats/rows", rows, methods=["POST"]),
    Route("/chats/{id:int}/{mode}", set_mode, methods=["POST"]),
]
