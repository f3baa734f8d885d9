"""The log: every message the twin wrote, the newest first, and who let it out."""

from itertools import groupby
from typing import Any

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
    return of(request).show("log.html", room="log", **_part(of(request), None))


async def older(request: Request) -> Response:
    """What was written before."""
    return of(request).show("log_part.html", **_part(of(request), request.path_params["before"]))


def _part(office: Office, before: int | None) -> dict[str, Any]:
    there = [each for each in written(office.desk.live) if before is None or each.id < before]
    shown = there[::-1][:PART]
    titles = {dialog.id: dialog.title for dialog in office.desk.archive.dialogs()}

    def day(each: Written) -> str:
        return office.day(each.sent_at) if each.sent_at else "On its way"

    return {
        "days": [(name, list(rows)) for name, rows in groupby(shown, key=day)],
        "titles": titles,
        "surfaces": SURFACES,
        "older": shown[-1].id if len(there) > PART else None,
    }


ROUTES = [Route("/log", page), Route("/log/{before:int}", older)]
