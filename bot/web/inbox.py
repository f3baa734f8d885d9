"""The inbox: what waits, the oldest first, at most fifty at a time, kept true while other surfaces decide too.

A card carries the revision it shows. A decision is made on that revision or not at all, and whoever was late is told
what happened instead. An open page names the cards it shows and gets what has changed in them, those that are new, and
nothing else: so a half-written edit is never touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.review import WAITING, Card, Review
from bot.suggestion import OPEN, State, Suggestion
from bot.web.office import Office, form, of
from data.errors import UserError

MOST = 50
"""Cards on the page; the next ones come as these are decided on."""
DONE = 3
"""How many of those that were decided on stay to be seen."""
LONGEST = 4096
"""Characters of one message, by Telegram's rule."""
SURFACES = {
    "page": "on this page",
    "terminal": "in the terminal",
    "draft": "in Telegram",
    "withdrawn": "in Telegram",
    "companion": "in the companion bot",
    "auto": "by itself",
}
TOLD = {
    State.APPROVED: "Approved",
    State.EDITED: "Edited",
    State.PLANNED: "Approved",
    State.SENDING: "Sending",
    State.SENT: "Sent",
    State.UNKNOWN: "May not have arrived: look into the chat",
    State.CANCELLED: "Not sent",
    State.SKIPPED: "Skipped",
    State.EXPIRED: "Expired",
    State.SUPERSEDED: "Outdated: something newer came",
    State.OWNER_ANSWERED: "You answered in Telegram",
}
OWNERS = ("page", "terminal", "companion")
"""Where the owner asks for another one: what something newer has made outdated has no such surface."""
BY_SOMEBODY = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING, State.SENT, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Line:
    """What is left of a card once it was decided on."""

    suggestion: Suggestion
    title: str
    told: str
    late: bool = False
    """Whether somebody tried to decide here afterwards."""


def ending(suggestion: Suggestion) -> str:
    """What became of it, and where that was decided."""
    if suggestion.state in OPEN:  # and not to be decided on here
        return "Waits in the input box in Telegram" if suggestion.surface == "draft" else TOLD[State.EXPIRED]
    told = TOLD[suggestion.state]
    where = SURFACES.get(suggestion.surface or "", "")
    if suggestion.state is State.SUPERSEDED and suggestion.surface in OWNERS:
        return f"Asked for another one {where}"
    return f"{told} {where}" if where and suggestion.state in BY_SOMEBODY else told


async def page(request: Request) -> Response:
    """The whole page."""
    office = of(request)
    review = office.review
    cards = [review.card_of(each) for each in review.rows()[:MOST]]
    return office.show("inbox.html", room="inbox", cards=cards)


async def changes(request: Request) -> Response:
    """What differs from what a page shows: `shown` is `id.revision` for each of its cards, in their order."""
    office, review = of(request), of(request).review
    shown = _shown([each for each in request.query_params.getlist("shown") if each])
    there = {number: found for number in shown if (found := review.suggestions.get(number))}
    done = [number for number, each in there.items() if each.state not in WAITING or each.surface == "draft"]
    gone = [number for number in shown if number not in there] + done[:-DONE]
    kept = [number for number in shown if number not in gone]
    changed = [there[number] for number in kept if there[number].revision != shown[number]]
    fresh = [each for each in review.rows() if each.id not in shown][: max(0, MOST - len(kept))]
    return office.show(
        "changes.html",
        gone=gone,
        cards=[review.card_of(each) for each in changed if each.id not in done],
        lines=[_line(review, each) for each in changed if each.id in done],
        fresh=[review.card_of(each) for each in fresh],
    )


def _shown(given: list[str]) -> dict[int, int]:
    try:
        pairs = [each.split(".") for each in given[: 2 * MOST]]
        return {int(number): int(revision) for number, revision in pairs}
    except ValueError as error:
        raise HTTPException(400) from error


async def card(request: Request) -> Response:
    """One card as it is now: what an edit that was given up goes back to."""
    return _card_or_line(of(request), request.path_params["id"])


async def edit(request: Request) -> Response:
    """A card with its texts open for writing."""
    office = of(request)
    found = office.review.card(request.path_params["id"])
    if found is None:
        return _card_or_line(office, request.path_params["id"])
    return office.show("card.html", card=found, editing=True)


async def decide(request: Request) -> Response:
    """One decision, on the revision that the page showed."""
    office, review = of(request), of(request).review
    number, revision, choice = (request.path_params[name] for name in ("id", "revision", "choice"))
    given = await form(request)
    if choice not in CHOICES:
        raise HTTPException(404)
    found = review.card(number)
    if found is None or found.suggestion.revision != revision or not CHOICES[choice](review, found, given):
        return _card_or_line(office, number, late=True)
    return _card_or_line(office, number)


def _edited(review: Review, found: Card, given: Mapping[str, list[str]]) -> bool:
    texts = [text.replace("\r\n", "\n").strip() for text in given.get("text", [])]
    texts = [text for text in texts if text]
    if not texts:
        raise UserError("There is nothing to send.", "Write something, or go back and skip it.")
    if any(len(text) > LONGEST for text in texts):
        raise HTTPException(400)
    if tuple(texts) == found.suggestion.texts:
        return review.approve(found)
    return review.edit(found, texts)


CHOICES: dict[str, Callable[[Review, Card, Mapping[str, list[str]]], bool]] = {
    "approve": lambda review, found, _: review.approve(found),
    "edit": _edited,
    "another": lambda review, found, _: review.another(found),
    "skip": lambda review, found, _: review.skip(found),
}


def _card_or_line(office: Office, number: int, late: bool = False) -> Response:
    review = office.review
    if found := review.card(number):
        newer = review.inbox.overtakes(found.suggestion)
        if not (late and newer):
            return office.show("card.html", card=found, editing=False)
        return office.show("line.html", line=_line(review, found.suggestion, TOLD[State.SUPERSEDED], late=True))
    suggestion = review.suggestions.get(number)
    if suggestion is None:
        raise HTTPException(404)
    return office.show("line.html", line=_line(review, suggestion, late=late))


def _line(review: Review, suggestion: Suggestion | None, told: str = "", late: bool = False) -> Line:
    if suggestion is None:
        raise HTTPException(404)
    return Line(suggestion, review.card_of(suggestion).title, told or ending(suggestion), late)


ROUTES = [
    Route("/", page),
    Route("/inbox/changes", changes),
    Route("/inbox/{id:int}", card),
    Route("/inbox/{id:int}/edit", edit),
    Route("/inbox/{id:int}/{revision:int}/{choice}", decide, methods=["POST"]),
]
