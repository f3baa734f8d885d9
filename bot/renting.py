"""`train --on`: the training at somebody else's machine, from the question to the proof that nothing is left there."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot import ask, consented, homecoming, show
from bot.desk import Desk
from bot.home import Home
from bot.learning import Wish
from data import samples
from data.errors import ExitCode, UserError
from data.samples import DatasetCard, write_private
from training import adapter as adapters
from training import position
from training.base import SMOLLM2
from training.remote import GRACE, Rented

ROOM = 2 * 2**30
"""Bytes that must be free there beside the base model, which may be there already."""
WITHIN = 0.8
"""The share of the paid time in which the steps end: loading and measuring need the rest."""

NOTE = "rented.json"
"""The file at home that says what lies where."""
ENDLESS = 1e6
"""Passes: the minutes end it."""
DESTROY = " Now destroy that machine at its provider."
"""What is left to do when nothing of ours is left there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine may cost: hours, and money at a price for each of them."""

    hours: float
    price: float | None = None
    money: float | None = None

    @property
    def seconds(self) -> int:
        """After so long it is stopped there, whichever of the two is used up first."""
        if (self.price is None) != (self.money is None):
            raise UserError(
                "A limit in money needs a price per hour, and the other way round.",
                "Give both --price-per-hour and --money, or neither.",
                ExitCode.USAGE,
            )
        afford = self.money / self.price if self.money is not None and self.price else self.hours
        return max(1, int(3600 * min(self.hours, afford)))


def train(desk: Desk, host: str, wish: Wish, limits: Limits, yes: bool) -> dict[str, Any]:
    """Train there and bring the adapter home. Called again after Ctrl-C or a lost connection, it goes on with the
    training that runs there. Raises UserError."""
    note = desk.home.path / NOTE
    rented = _there(desk, host, note)
    consented.demand_dataset(desk)
    card = samples.read_card(desk.home.dataset)
    if rented is None:
        rented = _begin(desk, Rented.new(host), card, _settings(desk, wish, limits), limits, yes, note)
    before = rented.dataset != card.hash
    if before:
        show.say(
            f"{host} learns from the dataset that went there; the one here was built since. That training comes home"
            " first.",
            "yellow",
        )

    def lost(pause: int) -> None:
        if _is_over(rented):
            raise UserError(f"{host} cannot be reached, and its time is over.", "Destroy that machine at its provider.")
        show.say(f"The connection is lost; again in {pause} s. The training goes on there.")

    try:
        for line in rented.follow(lost):
            show.say(f"  {show.plain(line)}")
    except UserError:
        _end(rented, note)
        raise
    except KeyboardInterrupt:
        show.say(f"It goes on at {host}, and costs. The same command comes back to it.", "yellow")
        raise
    report = dict(rented.report())
    if "error" in report or not _is_whole(report):
        why = f"{host}: {show.plain(str(report.get('error', 'Its report is damaged.')))}"
        try:
            kept = homecoming.unfinished(desk, rented, card)
            _end(rented, note)
        except UserError:
            show.say(why, "yellow")  # and what was learned could not even be looked at, or not be deleted there
            raise
        raise UserError(why, _hint(show.plain(str(report.get("hint", ""))), kept))
    try:
        report["adapter"] = homecoming.adapter(desk, rented)
    except homecoming.Foreign:
        _end(rented, note)
        raise
    try:
        _end(rented, note, then="" if before else DESTROY)
    except UserError:
        note.unlink()  # or the next try would bring another copy
        show.say(f"The adapter {report['adapter']} is at home all the same.", "yellow")
        raise
    if before:
        show.say(
            "It learned from the dataset as it was. The same command trains on the one here; else destroy that machine."
        )
    return report


def _there(desk: Desk, host: str, note: Path) -> Rented | None:
    """The training that this home has there and that can be come back to. One that learns what may no longer be used
    is stopped and deleted there. Raises UserError."""
    rented = Rented.read(note)
    if rented and _is_over(rented):
        show.say(f"The training on {rented.host} is over and has deleted itself there; this is a new one.")
        return None
    if rented and rented.host != host:
        raise UserError(f"A training runs on {rented.host}.", f"Run: doppelgram train --on {rented.host}")
    if rented and consented.ended(desk, rented.scopes, rented.built_at):
        show.say(f"A consent has ended since: the training on {host} is stopped and deleted there.", "yellow")
        _end(rented, note, then="")
        return None
    return rented


def held(home: Home, *dialog_ids: int) -> Rented | None:
    """What lies on a machine and may hold one of these chats, or without ids any: it has neither come home nor is its
    time over there. None where no machine does, as far as this home knows."""
    rented = Rented.read(home.path / NOTE)
    if rented is None or _is_over(rented):
        return None
    return rented if not dialog_ids or any(str(each) in rented.scopes for each in dialog_ids) else None


def remains(rented: Rented) -> str:
    """What is to be said of that by whoever removes a chat here."""
    host = rented.host
    return f"{host} may still hold it, for a training; to stop that and delete it there: doppelgram train --on {host}"


def _is_over(rented: Rented) -> bool:
    return time.time() > rented.until


def _hint(told: str, kept: str) -> str:
    """A training says that it goes on from its checkpoint, which on a rented machine is deleted: what of it was `kept`
    is known here."""
    for promise in ("there", "its last checkpoint"):
        told = told.replace(f": it goes on from {promise}", "")
    return f"{told} {kept}".lstrip()


def _is_whole(report: dict[str, Any]) -> bool:
    """What comes from there is shown and counted with, so it must be of the right kind."""
    numbers = ["steps", "seconds"] + ([] if isinstance(report.get("why_none"), str) else ["loss_base", "loss_adapter"])
    return all(isinstance(report.get(name), int | float) for name in numbers)


def _begin(
    desk: Desk, rented: Rented, card: DatasetCard, settings: str, limits: Limits, yes: bool, note: Path
) -> Rented:
    found, seconds = rented.look(), limits.seconds
    if found["version"] != version("doppelgram"):
        raise UserError(f"{rented.host} has another version of doppelgram.", "Install the same one there.")
    if found["free_bytes"] < ROOM:
        raise UserError(f"The disk of {rented.host} is almost full.", "Rent one with more room.")
    show.say(f"{rented.host}: {show.plain(found['gpu'] or 'no NVIDIA GPU, so the CPU trains')}.")
    _agree(rented.host, card, yes)
    unfinished = adapters.unfinished(desk.home.adapters)
    if unfinished and not position.is_whole(unfinished, card.hash):
        unfinished = None
    rented = replace(
        rented,
        until=time.time() + seconds + GRACE,
        unfinished=unfinished.name if unfinished else "",
        dataset=card.hash,
        built_at=card.built_at,
        scopes=card.scopes,
    )
    write_private(note, rented.as_json())  # before anything is there, so that nothing is forgotten there
    size = rented.send(desk.home.dataset, settings, unfinished)
    rented.start(seconds)
    if unfinished:
        show.say("The training that was interrupted is there too: on a machine of the same kind it goes on.")
    cost = f", at most {limits.price * seconds / 3600:.2f}" if limits.price else ""
    show.say(f"{size / 1e6:.1f} MB are there; it is stopped after {seconds / 3600:.2g} hours{cost}.")
    return rented


def _agree(host: str, card: DatasetCard, yes: bool) -> None:
    """Asked each time: a consent to being learned from is none to being read by whoever rents out machines."""
    show.say(
        f"The dataset, with what was said in {show.count(len(card.chats), 'chat')}, goes to {host}. "
        "Encrypted on its way, but whoever runs that machine can read it there, and the adapter too."
    )
    if not yes and not ask.confirmed("Do you, and the people in these chats, agree to that?", "yes"):
        raise UserError(
            f"Nothing was sent: you have not agreed that {host} gets the text of your chats.",
            "Add --yes to agree, this once.",
            ExitCode.USAGE,
        )


def _settings(desk: Desk, wish: Wish, limits: Limits) -> str:
    """What a training needs to know, as config.toml; no login, no key, no path."""
    model, wanted = desk.settings.model, desk.settings.train
    minutes, epochs = wish.minutes, wish.epochs
    name = wish.base or model.base
    if name != SMOLLM2 and Path(name).expanduser().exists():
        raise UserError(
            "A base that lies on this machine, as a folder or a file, is not sent.",
            "Use --base with a hub id.",
            ExitCode.USAGE,
        )
    most = limits.seconds / 60 * WITHIN
    if minutes is None and epochs is None:
        minutes, epochs = wanted.minutes, None if wanted.minutes else wanted.epochs
    train = {
        "minutes": min(minutes or most, most),
        "epochs": epochs or ENDLESS,
        "method": wish.method or wanted.method,
        "learning_rate": wanted.learning_rate,
        "micro_batch_tokens": wish.micro_batch_tokens or wanted.micro_batch_tokens,
        "seed": wanted.seed,
    }
    groups: dict[str, dict[str, Any]] = {
        "model": {"base": name, "quantization": model.quantization, "max_tokens": model.max_tokens},
        "train": train,
    }
    return "".join(
        f"[{group}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value is not None)
        for group, values in groups.items()
    )


def _end(rented: Rented, note: Path, then: str = DESTROY) -> None:
    """Leave nothing there, and say so only when the machine shows it."""
    rented.wipe()
    with suppress(FileNotFoundError):
        note.unlink()
    show.say(f"{rented.host} shows that nothing of this training is left.{then}")
