"""The whole evaluation of an adapter: its material from the dataset, its pieces and its report in `reports/`."""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import chosen, consented
from bot.curve import Curve
from bot.desk import Desk
from bot.home import Home
from bot.progress import Shown
from data import samples
from data.errors import ExitCode, UserError
from data.samples import write_private
from training.adapter import WEIGHTS, Adapter

if TYPE_CHECKING:
    from training.evaluation import Size
    from training.material import Material
    from training.model import LanguageModel

HELD_OUT = ("test", "unseen")
"""The newest conversations, and the chats that are held out as a whole: training saw neither."""
PIECES = "pieces"
"""The folder of what is finished, beside the report; kept so that an interrupted evaluation goes on."""


def material(desk: Desk, adapter: Adapter) -> "Material":
    """What the dataset gives to measure with: the same conversations for every adapter, cut as the dataset was."""
    return _material(desk.home.dataset, adapter.card.window)


def _material(dataset: Path, window: int) -> "Material":
    from training.material import Material
    from training.measures.exchange import exchanges
    from training.measures.likelihood import Window

    card = samples.read_card(dataset)
    silence = card.pauses.silence
    test = [each for part in HELD_OUT for each in samples.read(dataset, part)]
    held_out = exchanges(test, silence)
    talk = {(each.dialog, each.at): each.conversation for each in held_out}
    windows = []
    for each in test:
        if replies := exchanges([each], silence):
            windows.append(Window(each, talk[replies[0].dialog, replies[0].at]))
    return Material(
        windows,
        held_out,
        exchanges(samples.read(dataset, "train"), silence),
        exchanges(samples.read(dataset, "controls"), silence),
        window,
        silence,
        card.dropped,
    )


def evaluate(
    desk: Desk, model: "LanguageModel", adapter: Adapter, size: "Size", bar: Shown, html: Path | None = None
) -> dict[str, Any]:
    """Measure the adapter that is on the model, and write `report.html` and `report.json` into its folder in the
    reports folder, and where `html` says. Raises UserError where nothing was held out, and (exit 7) where a chat was
    forgotten meanwhile or its consent became narrower: then nothing of it is left."""
    still = _Still(desk, samples.read_card(desk.home.dataset), adapter)
    try:
        found = _evaluate(still, model, size, bar, html)
        still.demand()  # once more when all is written: what is forgotten from here on removes it
    except OSError:
        still.demand()  # the folder was removed while it was written to
        raise
    finally:
        if not still.holds():  # also where it was interrupted: a helper process writes without asking
            shutil.rmtree(still.folder, ignore_errors=True)
            if html:
                html.unlink(missing_ok=True)
    return found


@dataclass(frozen=True, slots=True)
class _Still:
    """What is measured with, and whether it may be used as when it began. `forget` and a narrower consent note in the
    ledger what has ended, and then remove reports: what is written later would stay."""

    desk: Desk
    dataset: samples.DatasetCard
    adapter: Adapter

    @property
    def folder(self) -> Path:
        """Where its report lies."""
        return self.desk.home.reports / self.adapter.card.name

    def holds(self) -> bool:
        """Whether it may."""
        dataset, stale = self.dataset, chosen.is_stale(self.adapter, self.desk.archive)
        return not stale and not consented.ended(self.desk, dataset.scopes, dataset.built_at)

    def demand(self) -> None:
        """Raise UserError (exit 7) where it may not."""
        if not self.holds():
            raise UserError(
                "A chat that is measured with was forgotten meanwhile, or may be used less: nothing of this is kept.",
                "Run: doppelgram build, doppelgram train, then doppelgram evaluate again.",
                ExitCode.CONSENT,
            )


def _evaluate(still: _Still, model: "LanguageModel", size: "Size", bar: Shown, html: Path | None) -> dict[str, Any]:
    from bot import speaker
    from training import evaluation, pieces, report, scores

    desk, adapter, folder = still.desk, still.adapter, still.folder
    seed, top_p = desk.settings.train.seed, desk.settings.model.top_p
    some, warned = material(desk, adapter), caution(desk, adapter)
    key = pieces.key_of(
        still.dataset.hash,
        size,
        seed,
        top_p,
        model.identity,
        _digest(adapter),
    )
    try:
        found = evaluation.run(
            model,
            some,
            pieces.Pieces(folder / PIECES, key, still.demand),
            size,
            seed=seed,
            top_p=top_p,
            progress=lambda share, words: bar.at(0.9 * share, words),
            again=evaluation.Again(
                speaker.loading(desk, adapter), partial(_material, desk.home.dataset, adapter.card.window)
            ),
        )
    except ValueError as error:
        raise UserError(
            f"There is nothing to measure with: {error}.", "Pull and build more chats, then train again."
        ) from error
    bar.at(0.9, "telling the replies apart")
    scored = scores.scores(some, found)
    made = datetime.now(desk.zone).strftime("%Y-%m-%d %H:%M")
    page = report.html(
        scored,
        found,
        name=adapter.card.name,
        base=adapter.card.base,
        made=made,
        losses=_losses(desk, adapter),
        caution=warned,
    )
    report.write(folder / report.FILE, page)
    write_private(folder / report.DATA, json.dumps(scored, ensure_ascii=False) + "\n")
    if html:
        report.write(html, page)
    return {
        "adapter": adapter.card.name,
        "report": str(folder / report.FILE),
        "verdict": scores.verdict(scored),
        "caution": warned or None,
    } | scored


def newest(home: Home) -> tuple[Path, int] | None:
    """The newest report there is, and when it was written, in nanoseconds as the file system counts them."""
    found = []
    with suppress(FileNotFoundError):  # `forget` and `wipe` remove them while they are listed: all of them
        for pattern in ("*.html", "*/*.html"):
            found += [(path, path.stat().st_mtime_ns) for path in home.reports.glob(pattern)]
    return max(found, key=lambda each: each[1], default=None)


def caution(desk: Desk, adapter: Adapter) -> str:
    """What must be said before any figure of an adapter that learned from another dataset; empty for one of this."""
    if adapter.card.dataset == samples.read_card(desk.home.dataset).hash:
        return ""
    return (
        f"The adapter {adapter.card.name} learned from another dataset than the one that is here now. What is held out"
        " of this one may have been in that one, and then its figures are too good."
    )


def rows(scored: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The figures for a terminal: what, the twin's with its n, and what it is held against."""
    from training import report

    def told(figure: dict[str, Any]) -> str:
        return f"{report.value(figure)}, n={figure['n']}"

    found = []
    for id_, name in (("Q2", "told apart, characters"), ("Q3", "told apart, style")):
        one = scored[id_]["one"]
        beside = ", ".join(
            f"{other} {one[other]['value']:.2f}"
            for other in ("drift", "base", "impostor")
            if one[other]["value"] is not None
        )
        found.append((f"{id_} {name}", told(one["twin"]), beside))
    for name, figure in scored["Q1"]["bits"].items():
        gain = scored["Q1"]["gain"].get(name)
        beside = "" if gain is None or gain["value"] is None else f"adapter {gain['value']:.1%} below"
        found.append((f"Q1 bits/char, {name}", told(figure), beside))
    for each in scored["Q5"] or ():
        times = "" if each["times_drift"] is None else f"{each['times_drift']:.1f} x own drift"
        found.append((f"Q5 {each['feature']} ({each['measure']})", told(each["twin"]), times))
    for each in report.rest(scored):
        n = "" if each["n"] is None else f", n={each['n']}"
        found.append((each["name"], f"{each['twin']}{n}", each["beside"]))
    return [*found, ("seed", str(scored["seed"]), f"size {scored['size']}")]


def side_by_side(both: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The twin's figures of two adapters on identical contexts."""
    one, other = (rows(each) for each in both)
    theirs = {name: value for name, value, _ in other}
    return [(name, value, theirs.get(name, "")) for name, value, _ in one]


def _digest(adapter: Adapter) -> str:
    import hashlib

    return hashlib.sha256((adapter.folder / WEIGHTS).read_bytes()).hexdigest()


def _losses(desk: Desk, adapter: Adapter) -> list[tuple[int, float]]:
    """The last training's curve, where it was this adapter's."""
    course = Curve.of(desk.home).read()
    if course is None or course.adapter != adapter.card.name:
        return []
    return [(point.step, point.loss) for point in course.points]
