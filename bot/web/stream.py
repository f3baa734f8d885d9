"""The event stream: tells an open page that something has changed, and what kind of thing. It carries no text of any
chat; the page asks for what it shows.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.web.office import of
from bot.web.watch import Watch

REST = 15.0
"""Seconds without an event after which a sign of life is sent, by which a reader that went away is found out."""
MOST = 64
"""Streams at a time."""


async def stream(request: Request) -> Response:
    """Events that name topics."""
    watch = of(request).watch
    if watch.streams >= MOST:
        return PlainTextResponse("Too many pages are open.\n", 503, {"retry-after": "5"})
    return StreamingResponse(_events(watch), media_type="text/event-stream")


async def _events(watch: Watch) -> AsyncIterator[bytes]:
    async with aclosing(watch.changes(REST)) as changes:
        async for topics in changes:
            yield _event(topics) if topics else b": still here\n\n"


def _event(topics: list[str]) -> bytes:
    return f"data: {' '.join(topics)}\n\n".encode()


ROUTES = [Route("/stream", stream)]
