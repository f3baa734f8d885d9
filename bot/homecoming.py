"""What comes home from a rented machine, and where it is put among the adapters and trainings that are here."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot import consented, show
from bot.desk import Desk
from data.errors import UserError
from data.samples import DatasetCard
from training import adapter as adapters
from training import position
from training.adapter import Card
from training.position import Position
from training.remote import Rented

KEPT = "What was learned there is at home now; the same command goes on from it."
LOST = "Nothing that was learned there could be kept; the same command begins anew."
BEHIND = "The training at home has gone further than the one there, and stays; the same command goes on from it."


class Foreign(UserError):
    """What a machine gave back was not made of what went there."""


def adapter(desk: Desk, rented: Rented) -> str:
    """Put the adapter among the others, in place of the training that it went on with unless that has gone further at
    home meanwhile. Returns its name. Raises UserError."""
    with _arriving(desk) as place:
        rented.fetch(place)
        made = adapters.read(place)
        sent = (rented.dataset, tuple(sorted(map(int, rented.scopes))), rented.scopes)
        if (made.card.dataset, made.card.chats, made.card.scopes) != sent:
            raise Foreign(f"{rented.host} gave back an adapter of another dataset.", "Do not use that machine again.")
        before = _sent(desk, rented)
        if before and _tokens(position.newest(before)) > _learned(made.card):
            show.say(f"The training {before.name} has gone further at home, and stays: `doppelgram train` goes on.")
            before = None
        target = _in_place_of(before, desk)
        adapters.update(made, name=target.name, built_at=rented.built_at)
        place.rename(target)
    return target.name


def unfinished(desk: Desk, rented: Rented, card: DatasetCard) -> str:
    """Put what a training has come to before it failed where `train` looks for it. Returns what of it can be gone on
    with, as a sentence: what lies at home of the same course goes, unless it has gone further. Raises UserError."""
    with _arriving(desk) as place:
        rented.fetch_unfinished(place)
        if not position.is_whole(place, card.hash):
            return LOST
        came, before = position.newest(place), _sent(desk, rented) or adapters.unfinished(desk.home.adapters)
        here = position.newest(before) if before else None
        if here and came and here.key != came.key:  # of another base or method: one says nothing of the other
            before = None
        elif _tokens(here) > _tokens(came):
            return BEHIND
        place.rename(target := _in_place_of(before, desk))
    if consented.ended(desk, card.scopes, card.built_at):  # what ends from now on removes it itself
        shutil.rmtree(target)
        return LOST
    return KEPT


@contextmanager
def _arriving(desk: Desk) -> Iterator[Path]:
    """A folder beside the adapters, which is gone at the end unless it has got another name."""
    home = desk.home.adapters
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".rented-", dir=home))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sent(desk: Desk, rented: Rented) -> Path | None:
    """The training that went there, while it is at home and unfinished."""
    folder = desk.home.adapters / rented.unfinished
    return folder if rented.unfinished and folder.exists() and not (folder / adapters.CARD).exists() else None


def _in_place_of(before: Path | None, desk: Desk) -> Path:
    """Where to put what comes: there, or under a name that is free."""
    if before is None:
        return adapters.fresh(desk.home.adapters)
    shutil.rmtree(before, ignore_errors=True)
    return before


def _tokens(place: Position | None) -> tuple[int, int]:
    """How far it has come, to be compared: tokens, and steps."""
    return (place.tokens, place.step) if place else (0, 0)


def _learned(card: Card) -> tuple[int, int]:
    """The same of an adapter, as far as the machine told."""
    told = card.training if isinstance(card.training, dict) else {}
    tokens, steps = (each if type(each := told.get(name)) is int else 0 for name in ("tokens", "steps"))
    return tokens, steps
