"""The report of the last evaluation, in a frame of its own: it may bring its own styles and pictures, and nothing
else. It runs no script, reaches nothing and nobody, and cannot touch the page around it. Beside it, what makes one.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot import evaluating
from bot.web.office import Office, form, of
from data.errors import UserError

POLICY = "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"


async def page(request: Request) -> Response:
    """The page around it."""
    office = of(request)
    return office.show("report.html", room="report", **_made(office), **_measuring(office))


async def measuring(request: Request) -> Response:
    """How the measuring goes."""
    return _show(of(request), request.query_params.get("seen", ""))


async def switch(request: Request) -> Response:
    """Start or stop."""
    office = of(request)
    match request.path_params["switch"]:
        case "start":
            if office.measuring.busy or office.desk.home.measurer():
                raise UserError("It is being measured already.", "Stop it first, or wait for it.")
            office.measuring.start("evaluate", "--quick")
        case "stop":
            office.measuring.stop()
        case _:
            raise HTTPException(404)
    return _show(office, (await form(request)).get("seen", [""])[0])


async def file(request: Request) -> Response:
    """The report itself."""
    found = evaluating.newest(of(request).desk.home)
    if found is None:
        raise HTTPException(404)
    return HTMLResponse(found[0].read_bytes(), headers={"content-security-policy": POLICY})


def _show(office: Office, seen: str) -> Response:
    """How it goes, and with it the report where another one than was seen is there."""
    made = _made(office)
    return office.show("measuring.html", anew=seen != made["stamp"], **made, **_measuring(office))


def _made(office: Office) -> dict[str, Any]:
    found = evaluating.newest(office.desk.home)
    if found is None:
        return {"made": None, "stamp": ""}
    _, at = found
    return {"made": datetime.fromtimestamp(at / 1e9, UTC), "stamp": str(at)}


def _measuring(office: Office) -> dict[str, Any]:
    busy = office.measuring.busy
    return {
        "busy": busy,
        "far": office.measuring.far if busy else None,
        "elsewhere": None if busy else office.desk.home.measurer(),
        "why": office.measuring.why,
        "stopped": office.measuring.stopped,
    }


ROUTES = [
    Route("/report", page),
    Route("/report/file", file),
    Route("/report/measuring", measuring),
    Route("/report/{switch}", switch, methods=["POST"]),
]
