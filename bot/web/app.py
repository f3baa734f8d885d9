"""The application: every address there is, behind the walls of `access`."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from bot.web import chat, chats, game, inbox, log, report, state, stream, training, twin
from bot.web.access import Access, Address
from bot.web.office import HERE, Office, of
from data.errors import UserError

ROOMS = (inbox, chat, chats, twin, training, report, game, log, state, stream)
TOLD = {400: "That could not be read.", 404: "There is nothing here.", 405: "Not like that.", 413: "That is too long."}


def app(office: Office, address: Address) -> Access:
    """The page of an office, as it may be reached at an address."""
    routes = [
        *(route for room in ROOMS for route in room.ROUTES),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    inner = Starlette(routes=routes, exception_handlers=HANDLERS)
    inner.state.office = office
    return Access(inner, office.keys, address)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _say(request, error.status_code, TOLD.get(error.status_code, "That did not work."), "")
    answer.headers.update(error.headers or {})
    return answer


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return _say(request, 409, error.message, error.hint)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours, or of the model's: its own words may hold words of a chat."""
    return _say(request, 500, f"That did not work ({type(error).__name__}).", "Try again.")


def _say(request: Request, status: int, message: str, hint: str) -> Response:
    """On a page of its own, or on the page that asked."""
    if "hx-request" not in request.headers:
        return of(request).show("told.html", status, message=message, hint=hint)
    note = of(request).show("note.html", status, message=message, hint=hint)
    note.headers.update({"hx-retarget": "#notes", "hx-reswap": "innerHTML"})
    return note


HANDLERS = {HTTPException: _told, UserError: _user_error, Exception: _failed}
