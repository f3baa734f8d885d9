"""Training: what there is to learn from, the adapters that were made of it, and the one that is being made, live."""

import math
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import chosen
from bot.curve import Point
from bot.web.office import Office, form, of
from data import samples
from data.errors import UserError
from training import adapter as adapters

WIDE, HIGH = 640, 200
"""Of the drawing, in its own units."""
DRAWN = 240
"""Points of a line, at most: steps in between are averaged."""
SMOOTH = 0.9
"""How much of the line's height the next point keeps."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The loss over the steps as lines of an SVG picture."""

    line: str
    smooth: str
    low: float
    high: float
    first: int
    last: int


async def page(request: Request) -> Response:
    """The whole page."""
    office = of(request)
    return office.show(
        "training.html", room="training", dataset=_dataset(office), **_adapters(office), **_going_on(office)
    )


async def curve(request: Request) -> Response:
    """How it goes now, and once it has ended what was made of it."""
    office = of(request)
    going_on = _going_on(office)
    made = {} if going_on["busy"] else _adapters(office)
    return office.show("going_on.html", **going_on, **made)


async def switch(request: Request) -> Response:
    """Start or stop."""
    office = of(request)
    match request.path_params["switch"]:
        case "start":
            given = (await form(request)).get("minutes", [""])[0].strip()
            office.shop.start(_minutes(given))
        case "stop":
            office.shop.stop()
        case _:
            raise HTTPException(404)
    return office.show("curve.html", **_going_on(office))


def _minutes(given: str) -> float | None:
    if not given:
        return None
    try:
        minutes = float(given)
    except ValueError:
        minutes = 0
    if not 0.05 <= minutes <= 60 * 24 * 30:
        raise UserError("That is no number of minutes.", "Leave it empty for as long as the settings say.")
    return minutes


def _dataset(office: Office) -> samples.DatasetCard | None:
    try:
        return samples.read_card(office.desk.home.dataset)
    except UserError:
        return None


def _adapters(office: Office) -> dict[str, Any]:
    made = adapters.every(office.desk.home.adapters)[::-1]
    rows = [(each.card, chosen.is_stale(each, office.desk.archive)) for each in made]
    return {"adapters": rows, "speaks": chosen.name(office.desk)}


def _going_on(office: Office) -> dict[str, Any]:
    course, busy = office.shop.course(), office.shop.busy
    points = course.points if course else ()
    return {
        "course": course,
        "busy": busy,
        "now": points[-1] if points else None,
        "drawing": draw(points) if len(points) > 1 else None,
        "why": office.shop.why,
        "size": (WIDE, HIGH),
    }


def draw(points: tuple[Point, ...]) -> Drawing:
    """The lines for at least two steps: the loss itself, and its running mean."""
    size = math.ceil(len(points) / DRAWN)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    steps = [part[-1].step for part in parts]
    losses = [sum(point.loss for point in part) / len(part) for part in parts]
    means, mean = [], losses[0]
    for loss in losses:
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        means.append(mean)
    low, high = min(losses), max(losses)
    span, wide = (high - low) or 1.0, (steps[-1] - steps[0]) or 1

    def line(values: list[float]) -> str:
        places = (
            (WIDE * (step - steps[0]) / wide, HIGH * (high - value) / span)
            for step, value in zip(steps, values, strict=True)
        )
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)

    return Drawing(line(losses), line(means), low, high, points[0].step, steps[-1])


ROUTES = [
    Route("/training", page),
    Route("/training/curve", curve),
    Route("/training/{switch}", switch, methods=["POST"]),
]
