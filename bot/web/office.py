"""What every room of the page works with: the home folder, the templates, the look-out, and how a form is read.

Names and messages come from strangers. The templates escape whatever is put into them, and before that control
characters and direction overrides are taken out, with which a text could show itself as another or in another place.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bot.control import Control
from bot.desk import Desk
from bot.review import Review
from bot.web.access import Keys
from bot.web.job import Job
from bot.web.model import Model
from bot.web.rounds import Table
from bot.web.talk import Talk
from bot.web.watch import Watch
from bot.web.workshop import Workshop

HERE = Path(__file__).parent
LONGEST_FORM = 64 * 1024
ROOMS = (
    ("inbox", "/", "Inbox"),
    ("chats", "/chats", "Chats"),
    ("twin", "/twin", "Twin"),
    ("training", "/training", "Training"),
    ("report", "/report", "Report"),
    ("game", "/game", "Which is me?"),
    ("log", "/log", "Log"),
)
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def plain(value: object) -> object:
    """A text without what steers how it is shown; line breaks stay."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        char
        for char in value
        if char == "\n" or (char not in OVERRIDES and unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp"))
    )


def named(title: str) -> str:
    """A name that can be seen: some people have none, or one of nothing but blanks."""
    return title if str(plain(title)).strip("\u00ad\u200b\u200c\u200d\u2060\u3164\ufeff \t\n\u00a0") else "(no name)"


@dataclass(slots=True)
class Office:
    """One page at work."""

    desk: Desk
    keys: Keys
    watch: Watch
    model: Model
    templates: Environment
    shop: Workshop
    measuring: Job
    """What makes a report, begun here."""
    talks: dict[int, Talk] = field(default_factory=dict)
    """What was tried out in each chat, in memory alone."""
    table: Table = field(default_factory=Table)

    @classmethod
    def at(cls, desk: Desk, watch: Watch, keys: Keys, model: Model) -> "Office":
        """The page over a home folder."""
        templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=plain,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        office = cls(desk, keys, watch, model, templates, watch.shop, watch.measuring)
        templates.globals.update(rooms=ROOMS, csrf=keys.csrf)
        templates.filters.update(clock=office.clock, day=office.day, hour=office.hour, named=named)
        return office

    def close(self) -> None:
        """Stop what was begun here."""
        self.model.close()
        self.shop.job.stop()
        self.measuring.stop()  # both at once, then wait for each
        self.shop.close()
        self.measuring.close()

    @property
    def review(self) -> Review:
        """What waits, and the decisions."""
        return Review.of(self.desk, "page")

    def show(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page, or a part of one."""
        state = {
            "paused": Control(self.desk.live).paused(self.desk.now),
            "running": self.desk.home.holder() == "doppelgram run",
            "waiting": len(self.review.rows()),
            "editing": False,
            "oob": False,
            "bare": False,
        }
        return HTMLResponse(self.templates.get_template(template).render(**state | values), status)

    def clock(self, moment: datetime) -> str:
        """A time of day, with the day where it is not today."""
        there = moment.astimezone(self.desk.zone)
        today = self.desk.now.astimezone(self.desk.zone).date()
        return f"{there:%H:%M}" if there.date() == today else f"{there.day} {there:%b %H:%M}"

    def hour(self, moment: datetime) -> str:
        """A time of day alone."""
        return f"{moment.astimezone(self.desk.zone):%H:%M}"

    def day(self, moment: datetime) -> str:
        """A day as a heading."""
        there = moment.astimezone(self.desk.zone)
        return f"{there:%A}, {there.day} {there:%B %Y}"


def of(request: Request) -> Office:
    """The office that a request came to."""
    office: Office = request.app.state.office
    return office


async def form(request: Request) -> dict[str, list[str]]:
    """The fields of a form. Raises HTTPException 413 for one that is longer than any of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            raise HTTPException(413)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise HTTPException(400) from error
