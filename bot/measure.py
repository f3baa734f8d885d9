"""How good an adapter is, on what was held out: losses of base and adapter, the gain over other people, and the table
of its confidence, which holds for the quantization it was measured with."""

from pathlib import Path
from typing import Any

from bot.desk import Desk
from bot.progress import Bar
from data import samples
from training import confidence, evaluate, examples
from training.generate import Generator
from training.model import LanguageModel

IN_FULL = 5.0
"""Minutes of training from which on everything is measured that may be."""
NOTHING = "The dataset is too small to hold anything out, so there is no figure."


def worth(minutes: float | None, most: int) -> int:
    """How many of at most so many windows a training of so many minutes is measured on: fewer after a short one, which
    should not wait long for its figures, but at least half, for the sake of their intervals."""
    return most if minutes is None else min(most, max((most + 1) // 2, round(most * minutes / IN_FULL)))


def measure(
    desk: Desk, model: LanguageModel, folder: Path, bar: Bar, most: int, side_by_side: int = 0
) -> dict[str, Any]:
    """Measure the adapter that is on the model on at most `most` held-out windows, write the table of its confidence
    into `folder`, which is its own, and answer `side_by_side` contexts with base and adapter.

    Every key is there whatever the dataset holds; where there is no figure it is None, and `why_none` says why.
    """
    seed = desk.settings.train.seed
    held_out = samples.read(desk.home.dataset, "test")
    controls = samples.read(desk.home.dataset, "controls")
    bar.at(0.0, "measuring on held-out conversations")
    try:
        compared = evaluate.compare(
            model,
            held_out,
            max_samples=most,
            seed=seed,
            progress=lambda share: bar.at(share / 2, "measuring on held-out conversations"),
        )
    except ValueError:
        return _nothing(model, seed)
    gain = evaluate.own_gain(
        model,
        compared,
        controls,
        samples_each=max(1, most // 10),
        seed=seed,
        progress=lambda share: bar.at(0.5 + share / 4, "measuring on other people"),
    )
    table = confidence.measure(
        Generator(model),
        model.identity.quantization,
        compared.adapter,
        held_out,
        seed=seed,
        max_tokens=desk.settings.model.max_tokens,
        progress=lambda share: bar.at(0.75 + share / 4, "measuring how sure it is"),
    )
    if table:
        table.save(folder)
    if side_by_side:
        bar.at(1.0, "answering side by side")
    shown = examples.side_by_side(model, held_out, side_by_side, seed=seed)
    return compared.as_json() | {
        "why_none": None,
        "own_gain": gain.as_json(),
        "confidence": table is not None,
        "quantization": model.identity.quantization,
        "examples": [example.as_json() for example in shown],
    }


def losses(report: dict[str, Any]) -> dict[str, float]:
    """What an adapter's card tells of a report."""
    if report["why_none"]:
        return {}
    return {"base": report["loss_base"], "adapter": report["loss_adapter"]}


def _nothing(model: LanguageModel, seed: int) -> dict[str, Any]:
    return {
        "n": 0,
        "text_tokens": 0,
        "loss_base": None,
        "loss_adapter": None,
        "ratio": None,
        "seed": seed,
        "why_none": NOTHING,
        "own_gain": {"controls": [], "own_gain": None, "why_none": NOTHING},
        "confidence": False,
        "quantization": model.identity.quantization,
        "examples": [],
    }
