"""Talk to the twin as one of the contacts: what would it answer, how sure is it, and what says the guard? Nothing is
sent and nothing is kept; what the model has read for it is dropped at once.
"""

import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import consented
from bot.respond import Proposal, Responder
from bot.web.model import Stop
from bot.web.office import Office, form, of
from bot.web.talk import Talk
from data.consent import Ledger
from data.errors import UserError
from data.message import Dialog
from data.transcript import Scope

CONTEXT = 4
"""Messages of the real chat shown above the talk."""
LONGEST = 4096


async def page(request: Request) -> Response:
    """The page, with a chat or without."""
    office = of(request)
    people = _people(office)
    wanted = request.path_params.get("id", people[0].id if people else None)
    dialog = next((each for each in people if each.id == wanted), None)
    if dialog is None and wanted is not None:
        raise HTTPException(404)
    more = _talk_of(office, dialog) if dialog else {}
    return office.show("twin.html", room="twin", people=people, dialog=dialog, **more)


async def say(request: Request) -> Response:
    """Say something as the contact, and see what the twin would answer."""
    office, dialog = of(request), _dialog(request)
    text = (await form(request)).get("text", [""])[0].replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST:
        raise HTTPException(400)
    talk = office.talks.setdefault(dialog.id, Talk())
    talk.say(dialog.id, _newest(office, dialog), False, text, office.desk.now)
    return await _answered(office, dialog, talk)


async def act(request: Request) -> Response:
    """Ask for others, or begin anew."""
    office, dialog = of(request), _dialog(request)
    talk = office.talks.setdefault(dialog.id, Talk())
    match request.path_params["act"]:
        case "again" if talk.said:
            return await _answered(office, dialog, talk)
        case "over":
            office.talks.pop(dialog.id, None)
        case _:
            raise HTTPException(404)
    return office.show("talk.html", dialog=dialog, **_talk_of(office, dialog))


async def take(request: Request) -> Response:
    """Let the twin have said one of its candidates, and talk on."""
    office, dialog, which = of(request), _dialog(request), request.path_params["which"]
    talk = office.talks.setdefault(dialog.id, Talk())
    if not 0 <= which < len(talk.proposals):
        raise HTTPException(404)
    for text in talk.proposals[which].texts:
        talk.say(dialog.id, _newest(office, dialog), True, text, office.desk.now)
    return office.show("talk.html", dialog=dialog, **_talk_of(office, dialog))


def _people(office: Office) -> list[Dialog]:
    consents = Ledger(office.desk.archive).active()
    agreed = {number for number, consent in consents.items() if consent.scope is Scope.CHAT}
    return [each for each in office.desk.archive.dialogs() if each.with_a_person and each.id in agreed]


def _dialog(request: Request) -> Dialog:
    """The chat that is talked in, asked anew each time: a consent may have ended."""
    dialog = of(request).desk.archive.dialog(request.path_params["id"])
    if dialog is None:
        raise HTTPException(404)
    try:
        consented.demand_chat(of(request).desk, dialog)
    except UserError:
        of(request).talks.pop(dialog.id, None)
        raise
    return dialog


async def _answered(office: Office, dialog: Dialog, talk: Talk) -> Response:
    began = time.perf_counter()
    seed = office.desk.settings.train.seed + talk.tries
    talk.tries += 1
    responder = await office.model.responder(office.desk)
    context = responder.context(dialog.id, talk.said)
    assert context

    def propose(speaks: Responder, stop: Stop) -> list[Proposal]:
        try:
            return speaks.propose(context, seed, stop)
        finally:
            speaks.generator.forget(dialog.id)

    said = len(talk.said)
    proposals = await office.model.ask(office.desk, propose)
    consented.demand_chat(office.desk, dialog)
    if len(talk.said) == said:  # else another window went on meanwhile
        talk.proposals, talk.seconds = _distinct(proposals), time.perf_counter() - began
    return office.show("talk.html", dialog=dialog, **_talk_of(office, dialog))


def _distinct(proposals: list[Proposal]) -> list[Proposal]:
    """Two candidates with the same words are one to look at."""
    return list({each.texts: each for each in reversed(proposals)}.values())[::-1]


def _talk_of(office: Office, dialog: Dialog) -> dict[str, Any]:
    before = [message for message in office.desk.archive.recent(dialog.id, 40) if message.said]
    talk = office.talks.get(dialog.id, Talk())
    return {"before": before[-CONTEXT:], "talk": talk, "speaks": office.model.name(office.desk)}


def _newest(office: Office, dialog: Dialog) -> int:
    return max((message.id for message in office.desk.archive.recent(dialog.id, 1)), default=0)


ROUTES = [
    Route("/twin", page),
    Route("/twin/{id:int}", page),
    Route("/twin/{id:int}/say", say, methods=["POST"]),
    Route("/twin/{id:int}/take/{which:int}", take, methods=["POST"]),
    Route("/twin/{id:int}/{act}", act, methods=["POST"]),
]
