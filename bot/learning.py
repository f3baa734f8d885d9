"""Dataset -> adapter: what `train` does on this machine, and on a rented one.

The verbs read its names before anything is loaded, so that torch comes with the work alone.
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from bot import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.desk import Desk
    from training.model import LanguageModel, Quantization
    from training.schedule import TrainOptions
    from training.train import TrainResult
    from training.way import Way
    from training.work import Work

Method = Literal["qlora", "lora", "full"]
SCORED = 80
"""Held-out windows that a comparison reads at most: enough for an interval. After a short training it reads fewer, see
`measure.worth`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags of `train` said; None where they said nothing."""

    base: str | None = None
    method: Method | None = None
    minutes: float | None = None
    epochs: float | None = None
    micro_batch_tokens: int | None = None


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
