"""The report of the last evaluation, in a frame of its own: it may bring its own styles and pictures, and nothing
else. It runs no script, reaches nothing and nobody, and cannot touch the page around it.
"""

from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.home import Home
from bot.web.office import of

POLICY = "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"


def newest(home: Home) -> Path | None:
    """The newest report there is."""
    found = sorted(home.reports.rglob("*.html"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


async def page(request: Request) -> Response:
    """The page around it."""
    office = of(request)
    found = newest(office.desk.home)
    made = datetime.fromtimestamp(found.stat().st_mtime, UTC) if found else None
    return office.show("report.html", room="report", made=made)


async def file(request: Request) -> Response:
    """The report itself."""
    found = newest(of(request).desk.home)
    if found is None:
        raise HTTPException(404)
    return HTMLResponse(found.read_bytes(), headers={"content-security-policy": POLICY})


ROUTES = [Route("/report", page), Route("/report/file", file)]
