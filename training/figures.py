"""The pictures of the report, as SVG to stand in a page: nothing is loaded, and text stays text."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training import style
from training.scores import Gauge
from training.style import Reply

INK, MUTED, LINE = "#1f2933", "#5f6c7b", "#d9dee4"
OWNER, TWIN, BASE, OTHER, GOOD = "#2f5d8c", "#b4531f", "#9aa5b1", "#4b5563", "#cfe3d4"
WIDTH = 4.4
"""Inches. As wide as a phone shows it, so that its letters are as large there as they are drawn here."""
LEFT, APART = 0.44, 0.24
"""Of a gauge: where its line ends, and how far from each other two labels in one row stand."""


def gauge(each: Gauge) -> str:
    """One measure as a line between its ends, with all that is known marked on it."""
    figure, axis = _axes(WIDTH, 1.35)
    axis.plot([0.5, 1.0], [0, 0], color=LINE, lw=9, solid_capstyle="round", zorder=1)
    if each.goal is not None:
        axis.plot([_on(end, each) for end in each.goal], [0, 0], color=GOOD, lw=9, solid_capstyle="round", zorder=1)
    marks = [("yourself", each.self_, OWNER), ("another person", each.impostor, OTHER), ("untuned", each.base, MUTED)]
    rows: list[float] = []
    for name, value, colour in sorted((mark for mark in marks if mark[1] is not None), key=lambda mark: mark[1] or 0):
        place = _on(value, each)
        row = next(row for row in range(4) if row >= len(rows) or place - rows[row] >= APART)
        rows[row:] = [place, *rows[row + 1 :]]
        axis.plot([place], [0], "o", color=colour, ms=7, zorder=3)
        _label(axis, f"{name} {value:.2f}", place, -17 - 12.5 * row, colour, 10.5)
    twin = each.twin
    if twin.value is not None and twin.low is not None and twin.high is not None:
        axis.plot([_on(twin.low, each), _on(twin.high, each)], [0, 0], color=TWIN, lw=3, zorder=4)
        axis.plot([_on(twin.value, each)], [0], "o", color=TWIN, ms=11, zorder=5)
        _label(axis, f"twin {twin.value:.2f}", _on(twin.value, each), 11, TWIN, 11.5, fontweight="bold")
    lowest = -32 - 12.5 * max(0, len(rows) - 1)
    for place, words in zip((0.5, 1.0), each.ends, strict=True):
        _label(axis, words, place, lowest, MUTED, 10)
    axis.set_xlim(LEFT - 0.02, 1.03)
    axis.set_ylim(-1, 1)
    axis.axis("off")
    return _svg(figure)


def _on(value: float | None, each: Gauge) -> float:
    """Where on the line a value lies, which is drawn from 0.5 to 1; a little beyond its left end, if it lies there."""
    low, high = each.line
    return min(1.0, max(LEFT, 0.5 + 0.5 * ((value or 0.0) - low) / (high - low)))


def _label(axis: Any, text: str, place: float, lift: float, colour: str, size: float, **more: Any) -> None:
    """Words above or below a place on the line, `lift` points away, not beyond its ends."""
    side = "left" if place < LEFT + 0.09 else "right" if place > 0.93 else "center"
    shift = {"left": -4, "right": 4, "center": 0}[side]
    axis.annotate(
        text, (place, 0), (shift, lift), textcoords="offset points", ha=side, color=colour, fontsize=size, **more
    )


SHORT = {"Wasserstein": "W"}
NAMES = {
    "base + 20 own messages": "+ 20 own messages",
    "base + all messages that fit": "+ all that fit",
    "base + a card of 20 facts": "+ a card of 20 facts",
    "base + 10 turns of this chat": "+ 10 turns, same chat",
    "base": "untuned",
    "adapter": "twin",
    "adapter, history shuffled": "twin, history shuffled",
}
"""The conditions as they stand beside a bar."""


def bars(bits: dict[str, dict[str, Any]]) -> str:
    """Bits per character by condition, lower is better, each with its interval."""
    rows = [(name, each) for name, each in bits.items() if each["value"] is not None]
    figure, axis = _axes(WIDTH, 0.36 * max(1, len(rows)) + 0.4)
    for place, (name, each) in enumerate(reversed(rows)):
        colour = TWIN if name == "adapter" else BASE
        axis.barh(place, each["value"], color=colour, height=0.58)
        axis.plot([each["low"], each["high"]], [place, place], color=INK, lw=1.2)
        axis.text(each["high"] + 0.03, place, f"{each['value']:.2f}", va="center", fontsize=11, color=INK)
    axis.set_yticks(range(len(rows)), [NAMES.get(name, name) for name, _ in reversed(rows)], fontsize=11)
    axis.set_xlim(0, max((each["high"] for _, each in rows), default=1) * 1.12)
    axis.tick_params(length=0, colors=INK)
    axis.xaxis.set_visible(False)
    return _svg(figure)


def distances(rows: Sequence[Mapping[str, Any]], goal: float) -> str:
    """The distances of Q5, a line each, as long as the largest of its values: the owner on another day, another person,
    and the twin with its interval. The good part ends at `goal` times the owner's own drift."""
    figure, axis = _axes(WIDTH, 0.4 * len(rows) + 0.4)
    for place, each in enumerate(reversed(rows)):
        twin, drift, impostor = each["twin"], each["drift"], each["impostor"]
        longest = max(twin["high"], goal * drift, impostor or 0.0) or 1.0
        axis.plot([0, 1], [place, place], color=LINE, lw=7, solid_capstyle="round", zorder=1)
        axis.plot([0, goal * drift / longest], [place, place], color=GOOD, lw=7, solid_capstyle="round", zorder=2)
        axis.plot([twin["low"] / longest, twin["high"] / longest], [place, place], color=TWIN, lw=2.5, zorder=3)
        for value, colour, size in ((drift, OWNER, 7), (impostor, OTHER, 7), (twin["value"], TWIN, 9)):
            if value is not None:
                axis.plot([value / longest], [place], "o", color=colour, ms=size, zorder=4)
    names = [f"{each['feature']} ({SHORT.get(each['measure'], each['measure'])})" for each in reversed(rows)]
    axis.set_yticks(range(len(rows)), names, fontsize=10)
    axis.set_xlim(-0.03, 1.03)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.tick_params(length=0, colors=INK)
    axis.xaxis.set_visible(False)
    axis.spines["bottom"].set_visible(False)
    return _svg(figure)


def learning(losses: Sequence[tuple[int, float]]) -> str:
    """The loss of training by step, with a running mean."""
    figure, axis = _axes(WIDTH, 2.0)
    steps, values = (np.array(each, float) for each in zip(*losses, strict=True))
    axis.plot(steps, values, color=LINE, lw=0.8)
    width = max(1, len(values) // 12)
    smooth = np.convolve(values, np.ones(width) / width, mode="valid")
    axis.plot(steps[width - 1 :], smooth, color=TWIN, lw=2)
    axis.set_xlabel("step", fontsize=10, color=MUTED)
    axis.set_ylabel("loss, nats per token", fontsize=10, color=MUTED)
    axis.tick_params(colors=MUTED, labelsize=9.5)
    return _svg(figure)


def distributions(real: Sequence[Reply], twin: Sequence[Reply]) -> str:
    """Owner against twin: characters of a message, messages of a turn, how messages end and how they begin."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(WIDTH, 3.9))
    axes = figure.subplots(2, 2)
    sides = [("you", real, OWNER), ("twin", twin, TWIN)]
    texts = [[text for reply in side for text in reply] for _, side, _ in sides]
    edges = np.geomspace(1, 300, 16)
    for (name, _, colour), mine in zip(sides, texts, strict=True):
        lengths = np.clip([len(text) for text in mine], 1, 299)
        share = np.histogram(lengths, edges)[0] / max(1, len(mine))
        axes[0, 0].stairs(share, edges, color=colour, fill=name == "you", alpha=0.45 if name == "you" else 1, lw=2)
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xticks([1, 10, 100], ["1", "10", "100"])
    axes[0, 0].set_title("characters of a message", fontsize=10, color=INK)
    _grouped(
        axes[0, 1],
        "messages of a turn",
        [[str(min(5, len(r))) for r in s] for _, s, _ in sides],
        dict(zip("12345", "12345", strict=True)),
    )
    ends = {"none": "none", ".": ".", "!": "!", "?": "?", "…": "…", "smiley": ":)"}
    _grouped(axes[1, 0], "how a message ends", [[style.ending(text) for text in mine] for mine in texts], ends)
    cases = {"lower": "lower", "Upper": "Upper", "ALL": "ALL"}
    _grouped(axes[1, 1], "how it begins", [[style.casing(text) for text in mine] for mine in texts], cases)
    for axis in axes.flat:
        for edge in ("top", "right", "left"):
            axis.spines[edge].set_visible(False)
        axis.spines["bottom"].set_color(LINE)
        axis.yaxis.set_visible(False)
        axis.tick_params(length=0, colors=MUTED, labelsize=9, which="both")
    figure.tight_layout(h_pad=1.6)
    return _svg(figure)


def _grouped(axis: Any, title: str, sides: Sequence[Sequence[str]], kinds: Mapping[str, str]) -> None:
    """Bars of both sides for each kind, under the name it is shown by."""
    for place, (kind_of, colour) in enumerate(zip(sides, (OWNER, TWIN), strict=True)):
        shares = [kind_of.count(kind) / max(1, len(kind_of)) for kind in kinds]
        axis.bar(
            np.arange(len(kinds)) + (place - 0.5) * 0.38, shares, 0.36, color=colour, alpha=0.55 if not place else 1
        )
    axis.set_xticks(range(len(kinds)), list(kinds.values()))
    axis.set_title(title, fontsize=10, color=INK)


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(width, height))
    axis = figure.subplots()
    for edge in ("top", "right", "left"):
        axis.spines[edge].set_visible(False)
    axis.spines["bottom"].set_color(LINE)
    return figure, axis


def _svg(figure: Any) -> str:
    """The drawing as an element: fixed ids, no date, no declaration, so the same figures give the same bytes."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "doppelgram"}):
        figure.savefig(out, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
