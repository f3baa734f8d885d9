"""Paused or not, running or not: the part of every page that says so, and its switch."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.control import Control
from bot.web.office import of


async def state(request: Request) -> Response:
    """How things stand."""
    return of(request).show("state.html")


async def count(request: Request) -> Response:
    """How many wait, for the rooms that do not show them."""
    return of(request).show("count.html", oob=True)


async def switch(request: Request) -> Response:
    """Stop everything at once, or go on."""
    office, control = of(request), Control(of(request).desk.live)
    match request.path_params["switch"]:
        case "pause":
            control.pause()
        case "resume":
            control.resume(office.desk.now)
        case _:
            raise HTTPException(404)
    return office.show("state.html")


ROUTES = [
    Route("/state", state),
    Route("/state/count", count),
    Route("/state/{switch}", switch, methods=["POST"]),
]
