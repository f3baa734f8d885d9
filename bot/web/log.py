"""The log: every message the twin wrote, the newest first, and who let it out."""

from itertools import groupby
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.inbox import SURFACES
from bot.web.office import Office, of
from bot.written import Written, written

PART = 50
"""Messages at a time."""


async def page(request: Request) -> Response:
    """The whole page."""
    return of(request).show("log.html", room="log", **_part(of(request)))


async def again(request: Request) -> Response:
    """As much as an open page shows, and what is new."""
    shown = [each for each in request.query_params.getlist("shown") if each]
    if not all(each.isascii() and each.isdigit() and len(each) < 19 for each in shown):
        raise HTTPException(400)
    return of(request).show("log_whole.html", **_part(of(request), down_to=min(map(int, shown), default=None)))


async def older(request: Request) -> Response:
    """What was written before."""
    return of(request).show("log_part.html", **_part(of(request), before=request.path_params["before"]))


def _part(office: Office, *, before: int | None = None, down_to: int | None = None) -> dict[str, Any]:
    """A part, the newest first: what was written before a message, and no less than down to one."""
    there = [each for each in written(office.desk.live) if before is None or each.id < before][::-1]
    asked = sum(each.id >= down_to for each in there) if down_to is not None else 0
    shown = there[: max(PART, asked)]
    titles = {dialog.id: dialog.title for dialog in office.desk.archive.dialogs()}

    def day(each: Written) -> str:
        return office.day(each.sent_at) if each.sent_at else "On its way"

    return {
        "days": [(name, list(rows)) for name, rows in groupby(shown, key=day)],
        "titles": titles,
        "surfaces": SURFACES,
        "last": shown[-1].id if shown else None,
        "older": len(there) > len(shown),
    }


ROUTES = [Route("/log", page), Route("/log/again", again), Route("/log/{before:int}", older)]
