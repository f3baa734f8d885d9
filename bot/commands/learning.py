"""train: dataset -> adapter."""

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot import show
from bot.commands.options import Json, Yes
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.desk import Desk
    from training.model import LanguageModel, Quantization
    from training.schedule import TrainOptions
    from training.train import TrainResult
    from training.way import Way
    from training.work import Work

Method = Literal["qlora", "lora", "full"]
SCORED = 80
"""Held-out windows that a comparison reads: enough for an interval, in a few minutes on a CPU."""
MEASURED_LATER = "Not measured yet: `doppelgram evaluate` does that, on one GPU."
"""After a training on several."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags of `train` said; None where they said nothing."""

    base: str | None = None
    method: Method | None = None
    minutes: float | None = None
    epochs: float | None = None
    micro_batch_tokens: int | None = None


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
    from bot import chosen
    from bot.desk import Desk
    from training import ranks

    with ranks.group(), Desk.open() as desk, ExitStack() as held:
        if ranks.first():
            held.enter_context(desk.home.holding_training("train"))
        demand_consent(desk)  # said before a model is loaded
        wish = Wish(base, method, minutes, epochs, tokens)
        if on:
            from bot import renting

            report = renting.train(desk, on, wish, renting.Limits(hours, price_per_hour, money), yes)
        else:
            report = learn(desk, wish)
        if not ranks.first():
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


def _told(report: "Mapping[str, Any]") -> str:
    losses = (
        report.get("why_none", MEASURED_LATER) or f"Loss {report['loss_base']:.3f} -> {report['loss_adapter']:.3f}."
    )
    return f"{report['adapter']}: {report['steps']} steps in {report['seconds']:.0f} s. {losses}"


def demand_consent(desk: "Desk") -> None:
    """Raise UserError (exit 7) when the dataset holds a chat whose consent has ended or become narrower since."""
    from data import samples

    if gone := ended(desk, samples.read_card(desk.home.dataset).scopes):
        raise UserError(
            f"The dataset holds {gone} chats whose consent has ended or become narrower since it was built.",
            "Run: doppelgram build",
            ExitCode.CONSENT,
        )


def ended(desk: "Desk", scopes: "Mapping[str, str]") -> int:
    """How many of these chats may by now be used less than this, or not at all."""
    from data.consent import Ledger

    return len(Ledger(desk.archive).ended({int(dialog_id): scope for dialog_id, scope in scopes.items()}))


def _mark_ended(desk: "Desk", name: str) -> None:
    """Raise UserError (exit 7) where a consent ended while this adapter was trained; then it is stale."""
    from training import adapter as adapters

    made = adapters.read(desk.home.adapters / name)
    if ended(desk, made.card.scopes):
        adapters.update(made, stale=True)
        raise UserError(
            f"A consent ended during the training, so the adapter {name} is stale and does not speak.",
            "Run: doppelgram build, then doppelgram train.",
            ExitCode.CONSENT,
        )


def learn(desk: "Desk", wish: Wish) -> dict[str, Any]:
    """Train on the dataset of this desk and measure the adapter. Returns the figures. Whoever calls it holds the
    training, and has asked for the consents."""
    from bot import measure, progress
    from bot.curve import Curve, Point
    from training import adapter as adapters
    from training import ranks
    from training.loop import StepReport
    from training.train import train as teach

    home = desk.home.adapters
    if ranks.first():
        show.say("Loading the base model ...")
    model, options, way = _begin(desk, wish)
    out = ranks.alike((adapters.unfinished(home) or adapters.fresh(home)) if ranks.first() else None)
    measured: dict[str, Any] = {}
    drawing = Curve.of(desk.home).drawing(out.name) if ranks.first() else nullcontext(lambda _: None)
    with progress.bar("train", hidden=not ranks.first()) as bar, drawing as draw:

        def step(report: StepReport) -> None:
            held = f", held out {report.validation:.2f}" if report.validation is not None else ""
            words = f"step {report.step}, loss {report.loss:.2f}{held}, {report.tokens_per_second:.0f} tok/s"
            bar.at(report.fraction, words)
            draw(Point(report.step, report.loss, report.fraction, report.tokens_per_second, report.seconds))

        def held_out() -> dict[str, float]:
            measured.update(measure.measure(desk, model, out, bar, measure.worth(options.minutes, SCORED)))
            return measure.losses(measured)

        result = teach(model, desk.home.dataset, out, options, step, measure=held_out, way=way)
        if result.interrupted or result.adapter is None:
            raise KeyboardInterrupt
    return _figures(result) | measured


def _begin(desk: "Desk", wish: Wish) -> "tuple[LanguageModel, TrainOptions, Callable[[Work], Way]]":
    """The base, loaded for the method that is wanted, how it is trained, and how this machine computes that."""
    from bot import speaker
    from training import machine, ranks, recipe, way

    wanted, minutes, epochs = desk.settings.train, wish.minutes, wish.epochs
    if minutes is None and epochs is None:
        minutes = wanted.minutes
        epochs = None if minutes else wanted.epochs
    method = wish.method or (None if wanted.method == "auto" else wanted.method)
    loaded_as: Quantization | None = None if method is None else "nf4" if method == "qlora" else "none"
    model = speaker.load_model(desk, None, wish.base, loaded_as)
    if method != "full":  # what was loaded decides: a base may be stored in 4 bit
        method = "lora" if model.identity.quantization == "none" else "qlora"
    config = model.causal.config.to_dict()
    options = recipe.options(method, model.causal.device.type, wanted.learning_rate, wanted.seed, config)
    tokens = wish.micro_batch_tokens or wanted.micro_batch_tokens
    chosen = partial(
        way.choose,
        config,
        method,
        machine.here(),
        tokens or options.micro_batch_tokens,
        rank=options.rank,
        ranks=ranks.count(),
        fixed=tokens is not None,
    )
    return model, replace(options, minutes=minutes, epochs=epochs), chosen


def _figures(result: "TrainResult") -> dict[str, Any]:
    assert result.adapter is not None
    return {
        "adapter": result.adapter.card.name,
        "base": result.adapter.card.base,
        "method": result.adapter.card.method,
        "steps": result.steps,
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens_per_second, 1),
        "peak_memory_bytes": result.peak_memory_bytes,
        "seconds": round(result.seconds, 1),
    }
