"""evaluate: how good an adapter is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Json
from bot.learning import SCORED
from data.errors import UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from training.adapter import Adapter


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
    if html and compare:
        raise typer.BadParameter("--html or --compare, not both: each of the two has its report in the home folder")
    if quick or full:
        appraise(full, html, compare, as_json)
        return
    if html or compare:
        raise typer.BadParameter("--html and --compare need --quick or --full")
    from bot import consented
    from bot.desk import Desk

    with Desk.open() as desk, desk.home.holding_measuring("evaluate"):
        consented.demand_dataset(desk)
        (adapter,) = wanted(desk, None)
        from bot import evaluating, measure, progress, speaker
        from training import adapter as adapters

        show.say("Loading the model ...")
        model = speaker.load_model(desk, adapter)
        with progress.bar("evaluate") as bar:
            figures = measure.measure(desk, model, adapter.folder, bar, most, side_by_side)
        if known := measure.losses(figures):
            adapters.update(adapter, losses=known)
        warned = evaluating.caution(desk, adapter)
        report = {"adapter": adapter.card.name, "caution": warned or None} | figures
    if warned:
        show.say(warned, "yellow")
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
    from bot import consented, evaluating
    from bot.desk import Desk

    with Desk.open() as desk, desk.home.holding_measuring("evaluate"):
        consented.demand_dataset(desk)
        scored = [_appraised(desk, adapter, full, html) for adapter in wanted(desk, compare)]
    for warned in (each["caution"] for each in scored if each["caution"]):
        show.say(warned, "yellow")
    if as_json:
        show.data({"adapters": scored} if compare else scored[0])
        return
    if compare:
        show.table(("figure", *compare), evaluating.side_by_side(scored))
        for each in scored:
            show.say(f"The report: {each['report']}", "green")
        return
    show.table(("figure", "twin", "beside it"), evaluating.rows(scored[0]))
    for sentence in scored[0]["verdict"]:
        show.say(sentence)
    show.say(f"The report: {scored[0]['report']}", "green")


def wanted(desk: "Desk", compare: tuple[str, str] | None) -> "list[Adapter]":
    """The adapters to measure. Raises UserError for one that is not there or may no longer speak."""
    from bot import chosen
    from training import adapter as adapters

    if compare is None:
        speaks = chosen.chosen(desk)
        if speaks is None:
            raise UserError("There is no adapter to evaluate.", "Run: doppelgram train")
        return [speaks]
    some = [adapters.read(desk.home.adapters / name) for name in compare]
    for each in some:
        chosen.demand_fit(each, desk.archive)
    return some


def _appraised(desk: "Desk", adapter: "Adapter", full: bool, html: Path | None) -> dict[str, Any]:
    """One of them. Its model goes with this call: there may not be room for two."""
    from bot import evaluating, progress, speaker
    from training import evaluation

    show.say("Loading the model ...")
    model = speaker.load_model(desk, adapter)
    with progress.bar("evaluate") as bar:
        return evaluating.evaluate(desk, model, adapter, evaluation.FULL if full else evaluation.QUICK, bar, html)


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
