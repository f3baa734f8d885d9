"""The chats: how far the twin may go in each, who has agreed, and a search by name. What else is done in one of them is
in `chat`."""

from dataclasses import dataclass
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
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


class ChatId(Convertor[int]):
    """The id of a chat in an address. A group's is below zero."""

    regex = "-?[0-9]{1,19}"

    def convert(self, value: str) -> int:
        """From the address."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Into an address."""
        return str(value)


register_url_convertor("chat", ChatId())
CLOSED: dict[str, Any] = {"modes": list(Mode), "problem": "", "insist": False, "more": None}
"""A chat of which no more is shown than its row."""


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
    before: Mode | None = None
    """The mode that a paused chat had."""

    @property
    def means(self) -> str:
        """What the mode means, and whether it is silent all the same."""
        if self.before:
            return "Paused: the twin does nothing here until you resume."
        if self.mode is not Mode.OFF and self.scope is not Scope.CHAT:
            return f"Set to {self.mode}, but silent: nobody there has agreed."
        return MEANS[self.mode]


async def page(request: Request) -> Response:
    """The whole page."""
    office = of(request)
    limits = office.desk.settings.live
    return office.show("chats.html", room="chats", limits=limits, **_found(office, ""))


async def rows(request: Request) -> Response:
    """Those that a search finds. The words come in the body: an address is kept in places that nobody thinks of."""
    office = of(request)
    wanted = (await form(request)).get("search", [""])[0].strip()
    return office.show("chat_rows.html", **_found(office, wanted))


async def set_mode(request: Request) -> Response:
    """Put a chat into a mode, by the rules of every surface."""
    office, dialog, wanted = of(request), dialog_of(request), request.path_params["mode"]
    if wanted not in list(Mode):
        raise HTTPException(404)
    given = await form(request)
    force, problem, desk = "force" in given, "", office.desk
    try:
        switch(desk.archive, desk.policy, str(dialog.id), Mode(wanted), desk.now, force=force)
    except UserError as error:
        problem = error.message
    insist = bool(problem) and wanted == Mode.AUTO and not force
    return shown(office, dialog, problem, insist=insist)


def dialog_of(request: Request) -> Dialog:
    """The chat that an address names."""
    dialog = of(request).desk.archive.dialog(request.path_params["id"])
    if dialog is None:
        raise HTTPException(404)
    return dialog


def shown(office: Office, dialog: Dialog, problem: str = "", **more: Any) -> Response:
    """One chat as it is now, and what was against what was wanted there."""
    return office.show("chat.html", **CLOSED | {"row": _row(office, dialog), "problem": problem} | more)


def _found(office: Office, wanted: str) -> dict[str, Any]:
    """Chats with people first by what is listed, then by when something was said there."""
    modes, before = office.desk.policy.modes(office.desk.now), office.desk.policy.before
    there = [each for each in office.desk.archive.dialogs() if each.may_be_kept and _fits(each, wanted)]
    there.sort(key=lambda each: modes.get(each.id, Mode.OFF) is Mode.OFF and not before(each.id))
    shown = [_row(office, each) for each in there[:MOST]]
    return CLOSED | {"rows": shown, "left": max(0, len(there) - MOST), "searched": bool(wanted)}


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
        desk.policy.before(dialog.id),
    )


ROUTES = [
    Route("/chats", page),
    Route("/chats/rows", rows, methods=["POST"]),
    Route("/chats/{id:chat}/{mode}", set_mode, methods=["POST"]),
]
