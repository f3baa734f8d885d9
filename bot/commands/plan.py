"""plan: which base models fit this machine, or another one, and what a training of yours would take there."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.desk import Desk
    from training.fit import Fit
    from training.machine import Machine
    from training.work import Work

LABEL = "computed, not measured"
_DAY = 86400.0
_TWICE = {"off": "", "partial": " +", "full": " ++"}
_SOURCES = {
    "counted": "",
    "estimated": " (estimated from characters: the base is not here to count)",
    "assumed": " (assumed: there is no dataset yet)",
}


def plan(
    base: Annotated[
        str | None, typer.Option(help="One base, in each method: hub id, local folder, GGUF file, or smollm2.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help='Another GPU instead of this machine, such as "RTX 3090".')] = None,
    price: Annotated[
        float | None, typer.Option("--price-per-hour", min=0, help="What an hour on it costs; adds a column.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What fits: base models against this machine or another GPU, with memory, time and cost of a training."""
    from bot.desk import Desk
    from training import machine as machines

    with Desk.open() as desk:
        machine = machines.named(gpu) if gpu else machines.here()
        yours, epochs = desk.settings.model.base, desk.settings.train.epochs
        work = _work(desk, base or yours)
        fits = list(_of_one(desk, base, machine, work) if base else _of_known(desk, machine, work))
    report: dict[str, Any] = {
        "label": LABEL,
        "of": base,
        "machine": machine.name,
        "memory_bytes": machine.memory,
        "tokens": work.tokens,
        "tokens_are": work.known_by,
        "epochs": epochs,
        "rows": [
            _row(fit, work, epochs, price)
            | {"base": name, "languages": languages, "yours": name.partition("@")[0] == yours.partition("@")[0]}
            for name, languages, fit in fits
        ],
    }
    if as_json:
        show.data(report)
    else:
        _show(report, work, price is not None)


def _work(desk: "Desk", base: str) -> "Work":
    from bot import progress
    from training import base as bases
    from training import work

    if not (desk.home.dataset / "card.json").exists():
        return work.ASSUMED
    folder = bases.local(base, desk.settings.model.cache)
    with progress.bar("plan") as bar:
        return work.of(desk.home.dataset, folder, lambda share: bar.at(share, "counting tokens"))


def _of_one(desk: "Desk", base: str, machine: "Machine", work: "Work") -> "Iterator[tuple[str, int | None, Fit]]":
    from training import base as bases
    from training import fit, known

    here = known.find(base)
    shape = here.shape if here else fit.shape_of(bases.configuration(base, desk.settings.model.cache))
    # On a CPU unpacking 4 bits costs more than it saves there: what train takes comes first.
    for method in fit.METHODS if machine.gpu else sorted(fit.METHODS, key=lambda method: method != "lora"):
        yield base, here.languages if here else None, fit.fit(shape, method, machine, work)


def _of_known(desk: "Desk", machine: "Machine", work: "Work") -> "Iterator[tuple[str, int | None, Fit]]":
    """Each base of the table, in the method that training takes there."""
    from training import fit, known

    four_bits = {"auto": machine.gpu, "nf4": True, "none": False}[desk.settings.model.quantization]
    for each in known.BASES:
        yield each.id, each.languages, fit.fit(each.shape, "qlora" if four_bits else "lora", machine, work)


def _row(fit: "Fit", work: "Work", epochs: float, price: float | None) -> dict[str, Any]:
    seconds = fit.seconds * epochs
    return {
        "fits": fit.micro_batch_tokens > 0,
        "method": fit.method,
        "context": work.context,
        "micro_batch_tokens": fit.micro_batch_tokens or None,
        "checkpointing": fit.checkpointing,
        "peak_bytes": fit.peak.total,
        "seconds": round(seconds),
        "cost": None if price is None else round(seconds / 3600 * price, 2),
    }


def _show(report: dict[str, Any], work: "Work", priced: bool) -> None:
    show.say(f"{report['machine']}, {_gib(report['memory_bytes'])}. {LABEL.capitalize()}.", "bold")
    one = report["of"]
    what = f"{one}. " if one else f"Method {report['rows'][0]['method']}. "
    show.say(
        f"{what}{work.tokens:,} tokens a pass{_SOURCES[work.known_by]}, {report['epochs']:g} passes, conversations of"
        f" at most {work.context:,} tokens."
    )
    columns = ["base", "lang", "method", "context", "micro-batch", "peak", "time", *(["cost"] if priced else [])]
    # What is the same in all rows was just said, and the names of bases are long.
    aside = ("base", "lang", "context") if one else ("method", "context")
    show.table(columns, [_cells(row, priced) for row in report["rows"]], aside=aside)
    able = [row for row in report["rows"] if row["fits"]]
    if any(row["checkpointing"] != "off" for row in able):
        show.say("+: activations of every second layer (++: of all) are computed twice, to save memory for time.")
    quick = next((row for row in able if row["seconds"] < _DAY), None)
    if not able:
        show.say("None of them fits. A smaller base, or another GPU: doppelgram plan --gpu NAME", "yellow")
    elif quick is None:
        show.say("Each of those that fit takes more than a day.", "yellow")
    else:
        show.say(f"The first that fits and takes less than a day: {quick['base']} ({quick['method']}).")


def _cells(row: dict[str, Any], priced: bool) -> list[object]:
    batch = f"{row['micro_batch_tokens']:,}{_TWICE[row['checkpointing']]}" if row["fits"] else "does not fit"
    return [
        f"{row['base']} (yours)" if row["yours"] else row["base"],
        row["languages"],
        row["method"],
        f"{row['context']:,}",
        batch,
        _gib(row["peak_bytes"]),
        _time(row["seconds"]) if row["fits"] else "-",
        *([f"{row['cost']:.2f}" if row["fits"] else "-"] if priced else []),
    ]


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"


def _time(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes / 60:.1f} h"
    return f"{round(minutes / 1440)} days"
