"""train, evaluate, adapters: dataset -> adapter, and how good it is."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from bot.desk import Desk
    from training.adapter import Adapter
    from training.model import LanguageModel
    from training.train import TrainResult

adapters_app = typer.Typer(help="The adapters on this machine.", no_args_is_help=True)
SCORED = 80
"""Held-out windows that a comparison reads: enough for an interval, in about a minute on a CPU."""


def train(
    base: Annotated[str | None, typer.Option(help="Base model: hub id, local folder, or smollm2.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.05, help="Stop after this long.")] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Stop after this many passes.")] = None,
    as_json: Json = False,
) -> None:
    """Teach a base model how you write. Ctrl-C keeps what was learned; the same command goes on from there."""
    from bot.desk import Desk

    with Desk.open() as desk:
        demand_consent(desk)  # said before a model is loaded
        report = _train(desk, base, minutes, epochs)
    if as_json:
        show.data(report)
        return
    losses = f"loss {report['loss_base']:.3f} -> {report['loss_adapter']:.3f}" if "loss_adapter" in report else ""
    show.say(f"{report['adapter']}: {report['steps']} steps in {report['seconds']:.0f} s. {losses}", "green")
    show.say("Next: doppelgram evaluate, or doppelgram try CHAT")


def demand_consent(desk: "Desk") -> None:
    """Raise UserError (exit 7) when the dataset holds a chat whose consent has ended or become narrower since."""
    from data import samples
    from data.consent import Ledger

    card = samples.read_card(desk.home.dataset)
    active = Ledger(desk.archive).active()
    gone = [
        dialog_id
        for dialog_id in card.chats
        if dialog_id not in active or (card.scopes[str(dialog_id)], active[dialog_id].scope) == ("chat", "own")
    ]
    if gone:
        raise UserError(
            f"The dataset holds {len(gone)} chats whose consent has ended or become narrower since it was built.",
            "Run: doppelgram build",
            ExitCode.CONSENT,
        )


def _train(desk: "Desk", base: str | None, minutes: float | None, epochs: float | None) -> dict[str, Any]:
    from bot import progress, speaker
    from training.train import StepReport, TrainOptions
    from training.train import train as learn

    wanted = desk.settings.train
    if minutes is None and epochs is None:
        minutes = wanted.minutes
        epochs = None if minutes else wanted.epochs
    options = TrainOptions(minutes=minutes, epochs=epochs, learning_rate=wanted.learning_rate, seed=wanted.seed)
    show.say("Loading the base model ...")
    model = speaker.load_model(desk, None, base)
    out = _place(desk.home.adapters)
    with progress.bar("train") as bar:

        def step(report: StepReport) -> None:
            words = f"step {report.step}, loss {report.loss:.3f}, {report.tokens_per_second:.0f} tokens/s"
            bar.at(report.fraction, words)

        result = learn(model, desk.home.dataset, out, options, step)
    if result.interrupted or result.adapter is None:
        raise KeyboardInterrupt
    return _figures(result) | _measure(desk, model, result.adapter)


def _place(adapters: "Path") -> "Path":
    """Where an interrupted training lies, else a new name. A folder without a card is not finished."""
    from training.adapter import CARD

    folders = [path for path in adapters.glob("*") if path.is_dir()] if adapters.exists() else []
    unfinished = sorted(path for path in folders if not (path / CARD).exists())
    if unfinished:
        return unfinished[-1]
    adapters.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = time.strftime("%Y-%m-%d")
    taken = {path.name for path in folders}
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
    return adapters / f"{stem}-{number}"


def _figures(result: "TrainResult") -> dict[str, Any]:
    assert result.adapter is not None
    return {
        "adapter": result.adapter.card.name,
        "base": result.adapter.card.base,
        "steps": result.steps,
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens_per_second, 1),
        "peak_memory_bytes": result.peak_memory_bytes,
        "seconds": round(result.seconds, 1),
    }


def _measure(
    desk: "Desk", model: "LanguageModel", adapter: "Adapter", most: int = SCORED, side_by_side: int = 0
) -> dict[str, Any]:
    """Held-out losses of base and adapter, written into the adapter's card, and the table of its confidence, which
    holds for the quantization it was measured with."""
    from data import samples
    from training import adapter as adapters
    from training import confidence, evaluate, examples
    from training.generate import Generator

    show.say("Measuring on held-out conversations ...")
    seed = desk.settings.train.seed
    held_out = samples.read(desk.home.dataset, "test")
    controls = samples.read(desk.home.dataset, "controls")
    try:
        compared = evaluate.compare(model, held_out, max_samples=most, seed=seed)
    except ValueError:
        show.say("The dataset is too small to hold anything out, so there is no figure.")
        return {}
    gain = evaluate.own_gain(model, compared, controls, samples_each=max(1, most // 10), seed=seed)
    table = confidence.measure(
        Generator(model),
        model.identity.quantization,
        compared.adapter,
        held_out,
        seed=seed,
        max_tokens=desk.settings.model.max_tokens,
    )
    if table:
        table.save(adapter.folder)
    adapters.update(adapter, losses={"base": compared.loss_base, "adapter": compared.loss_adapter})
    shown = examples.side_by_side(model, held_out, side_by_side, seed=seed) if side_by_side else []
    return compared.as_json() | {
        "own_gain": gain.as_json(),
        "confidence": table is not None,
        "quantization": model.identity.quantization,
        "examples": [example.as_json() for example in shown],
    }


def evaluate(
    most: Annotated[int, typer.Option("--samples", min=1, help="Held-out windows to score.")] = SCORED,
    side_by_side: Annotated[
        int, typer.Option("--examples", min=0, help="Contexts answered by base and twin, beside the real reply.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """How much like you: held-out loss of base and adapter side by side, and against other people."""
    from bot.chosen import chosen
    from bot.desk import Desk

    with Desk.open() as desk:
        demand_consent(desk)
        adapter = chosen(desk)
        if adapter is None:
            raise UserError("There is no adapter to evaluate.", "Run: doppelgram train")
        from bot import speaker

        show.say("Loading the model ...")
        model = speaker.load_model(desk, adapter)
        report = {"adapter": adapter.card.name} | _measure(desk, model, adapter, most, side_by_side)
    if as_json:
        show.data(report)
        return
    show.table(("figure", "value"), [(name, value) for name, value in _rows(report)])
    for example in report.get("examples", ()):
        show.line("")
        for side in ("they", "real", "base", "twin"):
            for text in example[side]:
                show.line(f"{side:>5}  {show.plain(text)}")


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Every figure with what it needs to be read honestly: how many, and how sure."""
    if "loss_base" not in report:
        return [("adapter", report["adapter"])]
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
            f"{gain['value']:.4f} [{gain['low']:.4f}, {gain['high']:.4f}]"
            if gain
            else "no other person to compare with",
        ),
    ]


@adapters_app.command("list")
def list_adapters(as_json: Json = False) -> None:
    """Every adapter, the oldest first, and which one speaks."""
    from bot import chosen
    from bot.desk import Desk
    from training import adapter as adapters

    with Desk.open() as desk:
        speaks = chosen.name(desk)
        rows: list[dict[str, object]] = [
            {
                "name": each.card.name,
                "speaks": each.card.name == speaks,
                "stale": each.card.stale,
                "base": each.card.base,
                "created_at": each.card.created_at,
                "chats": len(each.card.chats),
                "losses": dict(each.card.losses),
            }
            for each in adapters.every(desk.home.adapters)
        ]
    if as_json:
        show.data(rows)
    elif rows:
        show.table(tuple(rows[0]), [list(row.values()) for row in rows])
    else:
        show.say("There is no adapter yet. Next: doppelgram train")
