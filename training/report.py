"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data.samples import write_private
from training import figures, scores
from training.evaluation import Evaluation
from training.measures.interval import Figure
from training.pieces import private_folder

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = 20
FILE, DATA = "report.html", "report.json"
"""What lies in the folder of an adapter's report."""


def write(path: Path, html: str) -> None:
    """Write a report, readable by its owner alone."""
    private_folder(path.parent)
    write_private(path, html)


def html(
    scored: Mapping[str, Any],
    found: Evaluation,
    *,
    name: str,
    base: str,
    made: str,
    losses: Sequence[tuple[int, float]] = (),
    caution: str = "",
) -> str:
    """The whole page. Whatever people wrote is escaped by the template; the pictures hold figures and our words only.

    `losses` are the steps of the training with their loss, where they are known; `caution` what one must know before
    any figure.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    answered, bits = found.replies, scored["Q1"]["bits"]
    real = [each.reply for each in answered.contexts]
    drawn = [each for each in scored["Q5"] or () if each["twin"]["value"] is not None]
    measured = {k: v for k, v in bits.items() if v["value"] is not None}
    page: str = environment.get_template("report.html").render(
        name=name,
        base=base,
        made=made,
        caution=caution,
        scored=scored,
        verdict=scores.verdict(dict(scored)),
        gauges=[_gauge(each) for each in scores.gauges(dict(scored))],
        bars=figures.bars(measured) if measured else "",
        why_no_bits=bits["base"]["why_none"],
        gains=[_gain(each, part) for each, part in scored["Q1"]["gain"].items()],
        learning=figures.learning(losses) if len(losses) > 1 else "",
        distributions=figures.distributions(real, [reply for reply in answered.twin if reply]),
        distances=[_distance(each) for each in scored["Q5"] or ()],
        lines=figures.distances(drawn, scores.GOALS["Q5"]) if drawn else "",
        rest=rest(scored),
        examples=_examples(found),
        dropped=sorted(scored["dropped"].items()),
    )
    return page


def value(part: Mapping[str, Any], percent: bool = False) -> str:
    """A figure in words, with its interval."""
    if part["value"] is None:
        return str(part["why_none"]).partition(":")[0]
    return f"{_number(part['value'], percent)} [{_number(part['low'], percent)}, {_number(part['high'], percent)}]"


def rest(scored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The measures that are not drawn, each with what it is held against, and `n` where that is not in the figure."""
    q4, f1, f4, rows = scored["Q4"], scored["F1"], scored["F4"], []

    def row(name: str, twin: str, beside: str, n: int | None = None) -> None:
        rows.append({"name": name, "twin": twin, "beside": beside, "n": n})

    def measured(name: str, part: Mapping[str, Any], beside: str, percent: bool = True) -> None:
        row(name, value(part, percent), beside, part["n"])

    measured("told apart by length alone", scored["Q2_length_only"], "0.50 is guessing", percent=False)
    for name, each in scored["Q2_rivals"].items():
        measured("told from you, beside a prompt alone", each["twin"], f"{name}: {value(each['rival'])}", percent=False)
    measured("taken for you among your contacts", q4["owner_written"], f"you: {value(q4['owner_real'], True)}")
    measured("taken for whom it talks to", q4["copied_written"], f"you: {value(q4['copied_real'], True)}")
    q6 = scored["Q6"]
    beside = "; ".join(f"{name}: {value(each['hit@3'], True)}" for name, each in q6.items() if name != "twin")
    measured("one of three proposals was right", q6["twin"]["hit@3"], beside)
    beside = "; ".join(f"{name}: {value(each['saved'], True)}" for name, each in q6.items() if name != "twin")
    measured("typing saved by the best of three", q6["twin"]["saved"], beside)
    twin, base = f1["twin"], f1["base"]
    beside = f"you: {value(twin['foreign_real'])}; untuned: {value(base['foreign_written'])}"
    measured("words per 100 that nobody here ever wrote", twin["foreign_written"], beside, percent=False)
    beside = f"you: {value(twin['wrong_script_real'])}; untuned: {value(base['wrong_script_written'])}"
    measured("replies per 100 in a wrong script", twin["wrong_script_written"], beside, percent=False)
    for kind, (real, made, _) in f4["rates"]["twin"].items():
        if kind == "all" or made["value"] is not None:
            other = f4["rates"]["base"][kind][1]
            beside = f"you: {value(real, True)}; untuned: {value(other, True)}"
            measured(f"two words or fewer, to {kind}", made, beside)
    real = f4["belongs"]["real"]
    measured("reply finds its context among 20", f4["belongs"]["twin"], f"you: {value(real, True)}")
    for name, share in scored["F2"]["twin"].items():
        other = scored["F2"]["base"][name]
        row(f"scripted events, {name}", f"{share['hits']} of {share['n']}", f"untuned: {other['hits']} of {other['n']}")
    for distance, share in scored["F3"]["twin"].items():
        other = scored["F3"]["base"][distance]
        row(
            f"fact found {distance} messages later",
            f"{share['hits']} of {share['n']}",
            f"untuned: {other['hits']} of {other['n']}",
        )
    warm = scored["temperature"]
    row("sampled at this temperature", f"{warm['twin']:.2f}", f"untuned: {warm['base']:.2f}")
    return rows


def _number(number: float, percent: bool) -> str:
    return f"{number:.0%}" if percent else f"{number:.2f}"


def _gauge(each: scores.Gauge) -> dict[str, Any]:
    twin = each.twin
    known = twin.value is not None and twin.low is not None
    return {
        "name": each.name,
        "picture": figures.gauge(each) if known else "",
        "why": twin.why_none,
        "n": f"{twin.n} {each.of}",
        "span": f"{twin.low:.2f} to {twin.high:.2f}" if known else "",
        "self": f"yourself, {each.when}: {each.self_:.2f}" if each.self_ is not None else "",
    }


def _gain(name: str, part: Mapping[str, Any]) -> dict[str, str]:
    if part["value"] is None:
        return {"name": name, "value": "", "span": str(part["why_none"]).partition(":")[0]}
    figure = Figure(**part)
    return {"name": name, "value": f"{figure.value:.1%}", "span": f"{figure.low:.1%} to {figure.high:.1%}"}


def _distance(each: Mapping[str, Any]) -> dict[str, str]:
    twin, times, impostor = each["twin"], each["times_drift"], each["impostor"]
    known = twin["value"] is not None
    return {
        "name": f"{each['feature']} ({figures.SHORT.get(each['measure'], each['measure'])})",
        "value": f"{twin['value']:.3f}" if known else "",
        "span": f"{twin['low']:.2f} to {twin['high']:.2f}" if known else str(twin["why_none"]).partition(":")[0],
        "drift": f"{each['drift']:.3f}",
        "times": "" if times is None else f"{times:.1f}",
        "impostor": "" if impostor is None else f"{impostor:.3f}",
    }


def _examples(found: Evaluation) -> list[dict[str, Any]]:
    answered = found.replies
    rows = zip(answered.contexts, answered.twin, answered.base, strict=False)
    return [
        {"they": context.they, "real": context.reply, "twin": twin, "base": base}
        for context, twin, base in list(rows)[:EXAMPLES]
    ]
