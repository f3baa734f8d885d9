"""train and evaluate: dataset -> adapter, and how good it is."""

import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot import show
from bot.commands.options import Json, Yes
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.desk import Desk
    from training.model import LanguageModel, Quantization
    from training.schedule import TrainOptions
    from training.train import TrainResult

Method = Literal["qlora", "lora", "full"]
SCORED = 80
"""Held-out windows that a comparison reads: enough for an interval, in a few minutes on a CPU."""
MEASURED_LATER = "Not measured yet: `doppelgram evaluate` does that, on one GPU."
"""After a training on several."""


def train(
    base: Annotated[str | None, typer.Option(help="Base model: hub id, local folder, GGUF file, or smollm2.")] = None,
    method: Annotated[
        Method | None, typer.Option(help="LoRA, on a base in 4 bit or not, or every weight.", show_default=False)
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.05, help="Stop after this long.")] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Stop after this many passes.")] = None,
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
        if on:
            from bot import renting

            wish = renting.Wish(base, method, minutes, epochs)
            report = renting.train(desk, on, wish, renting.Limits(hours, price_per_hour, money), yes)
        else:
            report = learn(desk, base, minutes, epochs, method)
        if not ranks.first():
            return
        _mark_ended(desk, report["adapter"])
        chosen.drop_stale_choice(desk)
        report["speaks"] = chosen.name(desk)
    if as_json:
        show.data(report)
        return
    losses = (
        report.get("why_none", MEASURED_LATER) or f"Loss {report['loss_base']:.3f} -> {report['loss_adapter']:.3f}."
    )
    show.say(f"{report['adapter']}: {report['steps']} steps in {report['seconds']:.0f} s. {losses}", "green")
    if report["speaks"] != report["adapter"]:
        show.say(f"{report['speaks']} goes on speaking. To change that: doppelgram adapters use {report['adapter']}")
    show.say("Next: doppelgram evaluate, or doppelgram try CHAT")


def demand_consent(desk: "Desk") -> None:
    """Raise UserError (exit 7) when the dataset holds a chat whose consent has ended or become narrower since."""
    from data import samples

    if gone := _ended(desk, samples.read_card(desk.home.dataset).scopes):
        raise UserError(
            f"The dataset holds {gone} chats whose consent has ended or become narrower since it was built.",
            "Run: doppelgram build",
            ExitCode.CONSENT,
        )


def _ended(desk: "Desk", scopes: "Mapping[str, str]") -> int:
    """How many of these chats may by now be used less than this, or not at all."""
    from data.consent import Ledger

    return len(Ledger(desk.archive).ended({int(dialog_id): scope for dialog_id, scope in scopes.items()}))


def _mark_ended(desk: "Desk", name: str) -> None:
    """Raise UserError (exit 7) where a consent ended while this adapter was trained; then it is stale."""
    from training import adapter as adapters

    made = adapters.read(desk.home.adapters / name)
    if _ended(desk, made.card.scopes):
        adapters.update(made, stale=True)
        raise UserError(
            f"A consent ended during the training, so the adapter {name} is stale and does not speak.",
            "Run: doppelgram build, then doppelgram train.",
            ExitCode.CONSENT,
        )


def learn(
    desk: "Desk", base: str | None, minutes: float | None, epochs: float | None, method: Method | None = None
) -> dict[str, Any]:
    """Train on the dataset of this desk and measure the adapter. Returns the figures. Whoever calls it holds the
    training, and has asked for the consents."""
    from bot import measure, progress
    from bot.curve import Curve, Point
    from training import ranks
    from training.loop import StepReport
    from training.train import train as teach

    if ranks.first():
        show.say("Loading the base model ...")
    model, options = _begin(desk, base, minutes, epochs, method)
    out = ranks.alike(_place(desk.home.adapters) if ranks.first() else None)
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

        result = teach(model, desk.home.dataset, out, options, step, measure=held_out)
        if result.interrupted or result.adapter is None:
            raise KeyboardInterrupt
    return _figures(result) | measured


def _begin(
    desk: "Desk", base: str | None, minutes: float | None, epochs: float | None, method: Method | None
) -> "tuple[LanguageModel, TrainOptions]":
    """The base, loaded for the method that is wanted, and how it is trained on this machine."""
    from bot import speaker
    from training import machine, ranks, recipe, way

    wanted = desk.settings.train
    if minutes is None and epochs is None:
        minutes = wanted.minutes
        epochs = None if minutes else wanted.epochs
    if method is None and wanted.method != "auto":
        method = wanted.method
    loaded_as: Quantization | None = None if method is None else "nf4" if method == "qlora" else "none"
    model = speaker.load_model(desk, None, base, loaded_as)
    if method != "full":  # what was loaded decides: a base may be stored in 4 bit
        method = "lora" if model.identity.quantization == "none" else "qlora"
    config = model.causal.config.to_dict()
    options = recipe.options(method, model.causal.device.type, wanted.learning_rate, wanted.seed, config)
    chosen = way.choose(
        config,
        method,
        machine.here(),
        wanted.micro_batch_tokens or options.micro_batch_tokens,
        rank=options.rank,
        ranks=ranks.count(),
        fixed=wanted.micro_batch_tokens is not None,
    )
    return model, replace(
        options,
        minutes=minutes,
        epochs=epochs,
        at_once=chosen.at_once,
        checkpointing=chosen.checkpointing,
        averages=chosen.averages,
    )


def _place(adapters: Path) -> Path:
    """Where an interrupted training lies, else a new name. A folder without a card is not finished."""
    from training.adapter import CARD

    folders = [path for path in adapters.glob("*") if path.is_dir()] if adapters.exists() else []
    unfinished = sorted(path for path in folders if not path.name.startswith(".") and not (path / CARD).exists())
    return unfinished[-1] if unfinished else fresh(adapters)


def fresh(adapters: Path) -> Path:
    """A folder for a new adapter, under a name that is free."""
    adapters.mkdir(mode=0o700, parents=True, exist_ok=True)
    folders = [path for path in adapters.glob("*") if path.is_dir()]
    stem = time.strftime("%Y-%m-%d")
    taken = {path.name for path in folders}
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
    return adapters / f"{stem}-{number}"


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


def evaluate(
    most: Annotated[int, typer.Option("--samples", min=1, help="Held-out windows to score.")] = SCORED,
    side_by_side: Annotated[
        int, typer.Option("--examples", min=0, help="Contexts answered by base and twin, beside the real reply.")
    ] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="All measures and the report, on 200 contexts.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The same on 1,000 contexts.")] = False,
    html: Annotated[Path | None, typer.Option(help="With these: write the report here too.")] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="With these: two adapters on identical contexts.", metavar="A B")
    ] = None,
    as_json: Json = False,
) -> None:
    """How much like you: held-out loss of base and adapter side by side, and against other people.

    With --quick or --full all measures: whether you can be told from your twin, beside your own drift and other people,
    and a report to look at. What is interrupted goes on where it was.
    """
    if quick and full:
        raise typer.BadParameter("--quick or --full, not both")
    if quick or full:
        appraise(full, html, compare, as_json)
        return
    if html or compare:
        raise typer.BadParameter("--html and --compare need --quick or --full")
    from bot.chosen import chosen
    from bot.desk import Desk

    with Desk.open() as desk:
        demand_consent(desk)
        adapter = chosen(desk)
        if adapter is None:
            raise UserError("There is no adapter to evaluate.", "Run: doppelgram train")
        from bot import measure, progress, speaker
        from training import adapter as adapters

        show.say("Loading the model ...")
        model = speaker.load_model(desk, adapter)
        with progress.bar("evaluate") as bar:
            figures = measure.measure(desk, model, adapter.folder, bar, most, side_by_side)
        if known := measure.losses(figures):
            adapters.update(adapter, losses=known)
        report = {"adapter": adapter.card.name} | figures
    if as_json:
        show.data(report)
        return
    show.table(("figure", "value"), [(name, value) for name, value in _rows(report)])
    for example in report.get("examples", ()):
        show.line("")
        for side in ("they", "real", "base", "twin"):
            for text in example[side]:
                show.line(f"{side:>5}  {show.plain(text)}")


def appraise(full: bool, html: Path | None, compare: tuple[str, str] | None, as_json: bool) -> None:
    """All measures of the adapter that speaks, or of two by name."""
    from bot import evaluating, progress, speaker
    from bot.chosen import chosen
    from bot.desk import Desk
    from training import adapter as adapters

    with Desk.open() as desk:
        demand_consent(desk)
        some = [adapters.read(desk.home.adapters / name) for name in compare] if compare else [chosen(desk)]
        scored = []
        for adapter in some:
            if adapter is None:
                raise UserError("There is no adapter to evaluate.", "Run: doppelgram train")
            from training import evaluation

            show.say("Loading the model ...")
            model = speaker.load_model(desk, adapter)
            with progress.bar("evaluate") as bar:
                size = evaluation.FULL if full else evaluation.QUICK
                scored.append(evaluating.evaluate(desk, model, adapter, size, bar, html if len(some) == 1 else None))
    if as_json:
        show.data(scored[0] if len(scored) == 1 else {"adapters": scored})
        return
    if compare:
        show.table(("figure", *compare), evaluating.side_by_side(scored))
        return
    show.table(("figure", "twin", "beside it"), evaluating.rows(scored[0]))
    for sentence in scored[0]["verdict"]:
        show.say(sentence)
    show.say(f"The report: {scored[0]['report']}", "green")


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Every figure with what it needs to be read honestly: how many, and how sure."""
    if report["why_none"]:
        return [("adapter", report["adapter"]), ("no figure", report["why_none"])]
    ratio, gain = report["ratio"], report["own_gain"]["own_gain"]
    return [
        ("adapter", report["adapter"]),
        ("windows", f"{report['n']} ({report['text_tokens']} tokens of text, seed {report['seed']})"),
        ("loss, base", f"{report['loss_base']:.4f}"),
        ("loss, adapter", f"{report['loss_adapter']:.4f}"),
        ("ratio", f"{ratio['value']:.4f} [{ratio['low']:.4f}, {ratio['high']:.4f}]"),
        ("bits/character, base", f"{report['bits_per_character_base']:.4f}"),
        ("bits/character, adapter", f"{report['bits_per_character_adapter']:.4f}"),
        (
            "own gain",
            f"{gain['value']:.4f} [{gain['low']:.4f}, {gain['high']:.4f}]" if gain else report["own_gain"]["why_none"],
        ),
    ]
