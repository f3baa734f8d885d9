"""train: dataset -> adapter."""

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Json, Yes
from bot.learning import Method, Wish, learn
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.desk import Desk

MEASURED_LATER = "Not measured yet: `doppelgram evaluate` does that, on one GPU."
"""After a training on several."""


def train(
    base: Annotated[str | None, typer.Option(help="Base model: hub id, local folder, GGUF file, or smollm2.")] = None,
    method: Annotated[
        Method | None, typer.Option(help="LoRA, on a base in 4 bit or not, or every weight.", show_default=False)
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.05, help="Stop after this long.")] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Stop after this many passes.")] = None,
    tokens: Annotated[
        int | None, typer.Option("--micro-batch-tokens", min=1, help="Tokens at a time, where memory is short.")
    ] = None,
    on: Annotated[str | None, typer.Option(help="Train on this machine over ssh: user@host.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="With --on: it is stopped there after so long.")] = 6.0,
    price_per_hour: Annotated[float | None, typer.Option(min=0.0001, help="With --on: what an hour costs.")] = None,
    money: Annotated[float | None, typer.Option(min=0.0001, help="With --on: it is stopped at this cost.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Teach a base model how you write. Ctrl-C keeps what was learned; the same command goes on from there."""
    from bot import chosen, consented
    from bot.desk import Desk

    with _group() as first, Desk.open() as desk, ExitStack() as held:
        if first:
            held.enter_context(desk.home.holding_training("train"))
        wish = Wish(base, method, minutes, epochs, tokens)
        if on:
            from bot import renting

            report = renting.train(desk, on, wish, renting.Limits(hours, price_per_hour, money), yes)
        else:
            consented.demand_dataset(desk)  # said before a model is loaded
            report = learn(desk, wish)
        if not first:
            return
        _mark_ended(desk, report["adapter"])
        chosen.drop_stale_choice(desk)
        report["speaks"] = chosen.name(desk)
    if as_json:
        show.data(report)
        return
    show.say(_told(report), "green")
    if report["speaks"] != report["adapter"]:
        show.say(f"{report['speaks']} goes on speaking. To change that: doppelgram adapters use {report['adapter']}")
    show.say("Next: doppelgram evaluate, or doppelgram try CHAT")


@contextmanager
def _group() -> "Iterator[bool]":
    """The processes that `torchrun` started work together; whether this one writes and speaks. Without it torch, which
    takes seconds to load, comes with the training: what is refused is refused before, and a training elsewhere never
    needs it."""
    from bot import settings

    if not settings.by_torchrun():
        yield True
        return
    from training import ranks

    with ranks.group():
        yield ranks.first()


def _told(report: "Mapping[str, Any]") -> str:
    losses = (
        report.get("why_none", MEASURED_LATER) or f"Loss {report['loss_base']:.3f} -> {report['loss_adapter']:.3f}."
    )
    return f"{report['adapter']}: {report['steps']} steps in {report['seconds']:.0f} s. {losses}"


def _mark_ended(desk: "Desk", name: str) -> None:
    """Raise UserError (exit 7) where a consent ended while this adapter was trained; then it is stale."""
    from bot import consented
    from training import adapter as adapters

    made = adapters.read(desk.home.adapters / name)
    if consented.ended(desk, made.card.scopes, made.card.built_at):
        adapters.update(made, stale=True)
        raise UserError(
            f"A consent ended during the training, so the adapter {name} is stale and does not speak.",
            "Run: doppelgram build, then doppelgram train.",
            ExitCode.CONSENT,
        )
