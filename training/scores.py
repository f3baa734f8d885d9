"""From what was computed to what is reported: every measure with n, interval and seed, and beside it the owner's own
drift, another person, and the untuned base. No model is needed here.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.evaluation import Evaluation
from training.material import Material
from training.measures import attribution, classify, distances, engagement, language, suggestion
from training.measures.exchange import Exchange, halves, together
from training.measures.interval import Figure
from training.style import Reply

GOALS = {"Q1": 0.15, "Q2": 0.65, "Q3": 0.60, "Q4": 0.95, "Q5": 1.25, "F1": 1.1}
"""The project's own goals, see docs/evaluation.md; a measure without one is only shown."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One measure between the two ends that a person can picture: another person, and the owner on another day."""

    id: str
    name: str
    of: str
    """What `n` counts."""
    twin: Figure
    base: float | None
    self_: float | None
    when: str
    """How one is compared with oneself."""
    impostor: float | None
    goal: tuple[float, float] | None
    """From where to where it is good."""
    line: tuple[float, float] = (0.5, 1.0)
    """The values at the ends of the line, and what they mean."""
    ends: tuple[str, str] = ("guessing", "always told apart")


def scores(material: Material, found: Evaluation) -> dict[str, Any]:
    """All figures as plain values."""
    seed, some = found.seed, found.replies.contexts
    twin, base = found.replies.twin, found.replies.base
    with_base = some[: len(base)]
    early, late = halves_of(material)
    ours, others = together(material.held_out, material.peers, material.silence)
    drifted = classify.matched(early, late, seed, len(some))
    foreign = classify.matched(ours, others, seed, len(some))
    twins = classify.paired(some, twin)
    bases = classify.paired(with_base, base)
    q2 = _views(twins, bases, drifted, foreign, "characters", seed)
    q3 = _views(twins, bases, drifted, foreign, "style", seed)
    known = language.vocabulary(
        text for each in material.past for turn in (*each.before.turns,) for text in (*turn.texts, *each.reply)
    )
    return {
        "seed": seed,
        "size": found.size.name,
        "n": {
            "held_out_replies": len(material.held_out),
            "contexts": len(some),
            "conversations": len({each.conversation for each in some}),
            "chats": len({each.dialog for each in some}),
        },
        "temperature": found.replies.temperature,
        "Q1": found.likelihood.as_json(),
        "Q2": q2,
        "Q3": q3,
        "Q2_rivals": _rivals(found, seed),
        "Q2_length_only": classify.auc(twins, "length", seed).as_json(),
        "Q4": asdict(
            attribution.attribute([e.reply for e in material.past], _by_peer(material.peers), some, twin, seed)
        ),
        "Q5": None if material.why_none() else _distances(early, late, some, twin, others, seed),
        "Q6": _suggestions(material, found, seed),
        "F1": {
            "twin": asdict(language.errors(some, twin, known, seed)),
            "base": asdict(language.errors(with_base, base, known, seed)),
        },
        "F2": {side: {k: s.as_json() for k, s in each.items()} for side, each in found.events.items()},
        "F3": {side: {str(k): s.as_json() for k, s in each.items()} for side, each in found.facts.items()},
        "F4": {
            "rates": {
                side: {name: [f.as_json() for f in figures] for name, figures in rates.items()}
                for side, rates in (
                    ("twin", engagement.rates(some, twin, seed)),
                    ("base", engagement.rates(with_base, base, seed)),
                )
            },
            "belongs": {
                "real": engagement.belongs(some, [each.reply for each in some], seed).as_json(),
                "twin": engagement.belongs(some, twin, seed).as_json(),
            },
        },
        "dropped": dict(material.dropped),
    }


def halves_of(material: Material) -> tuple[list[Exchange], list[Exchange]]:
    """The owner's earlier and later half, of all there is. The conversations that were learned from and those that were
    held out are each numbered from one, so they are numbered anew first."""
    past, held_out = together(material.past, material.held_out, material.silence)
    return halves([*past, *held_out])


def gauges(scored: dict[str, Any]) -> list[Gauge]:
    """The measures that can be drawn between another person and the owner."""
    found = []
    for id_, name in (("Q2", "Told from you by characters"), ("Q3", "Told from you by style alone")):
        part = {side: Figure(**figure) for side, figure in scored[id_]["one"].items()}
        base, drift, impostor = (part[side].value for side in ("base", "drift", "impostor"))
        when = "earlier half against later half"
        found.append(Gauge(id_, name, "pairs", part["twin"], base, drift, when, impostor, (0.5, GOALS[id_])))
    return [*found, _taken(scored["Q4"])]


def _taken(q4: dict[str, Any]) -> Gauge:
    real = q4["owner_real"]["value"]
    return Gauge(
        "Q4",
        "Taken for you among your contacts",
        "bundles of five replies",
        Figure(**q4["owner_written"]),
        None,
        real,
        "what you really wrote",
        q4["owner_others"],
        None if real is None else (GOALS["Q4"] * real, 1.0),
        (0.0, 1.0),
        ("never", "always"),
    )


def verdict(scored: dict[str, Any]) -> list[str]:
    """Three sentences for a person: the words, the style, and what to be careful with."""
    gain = Figure(**scored["Q1"]["gain"]["base"])
    one = scored["Q2"]["one"]
    return [_on_words(gain), _on_style(one), _on_caution(scored)]


def _on_words(gain: Figure) -> str:
    if gain.value is None or gain.low is None or gain.high is None:
        return f"How well it foresees your words could not be measured: {gain.why_none}."
    span = f"({gain.low:.0%} to {gain.high:.0%})"
    if gain.low > 0:
        return f"The twin foresees your words better than the untuned model: {gain.value:.0%} fewer bits {span}."
    if gain.high < 0:
        return f"The twin foresees your words worse than the untuned model, by {-gain.value:.0%} {span}."
    return (
        f"Whether the twin foresees your words better than the untuned model is not certain: {gain.value:.0%} {span}."
    )


def _on_style(one: dict[str, Any]) -> str:
    twin, other = one["twin"], one["impostor"]
    if twin["value"] is None:
        return f"How easily it is told from you could not be measured: {twin['why_none']}."
    told = f"A program that knows both tells its replies from yours in {twin['value']:.0%} of pairs; 50% is guessing"
    beside = f", and another person it tells from you in {other['value']:.0%}" if other["value"] is not None else ""
    return f"{told}{beside}."


def _on_caution(scored: dict[str, Any]) -> str:
    shares = scored["F3"]["twin"]
    far = max(shares, key=int)
    stale, leak = scored["F2"]["twin"]["stale"], scored["F2"]["twin"]["leak"]
    return (
        f"It found {shares[far]['hits']} of {shares[far]['n']} facts told {far} messages before, told {stale['hits']} "
        f"of {stale['n']} finished plans as current, and {leak['hits']} of {leak['n']} things the asker must not know."
    )


def _views(
    twins: Sequence[classify.Pair],
    bases: Sequence[classify.Pair],
    drifted: Sequence[classify.Pair],
    foreign: Sequence[classify.Pair],
    view: classify.View,
    seed: int,
) -> dict[str, Any]:
    sides = {"twin": twins, "base": bases, "drift": drifted, "impostor": foreign}
    return {
        "one": {name: classify.auc(pairs, view, seed).as_json() for name, pairs in sides.items()},
        "bundle": {name: classify.auc(classify.bundles(pairs), view, seed).as_json() for name, pairs in sides.items()},
    }


def _rivals(found: Evaluation, seed: int) -> dict[str, dict[str, Any]]:
    """How well each rival is told from the owner, and the twin on the same contexts."""
    some, rivals = found.replies.contexts, found.replies.rivals
    return {
        name: {
            side: classify.auc(classify.paired(some[: len(made)], replies), "characters", seed).as_json()
            for side, replies in (("rival", made), ("twin", found.replies.twin[: len(made)]))
        }
        for name, made in rivals.items()
    }


def _by_peer(peers: Sequence[Exchange]) -> dict[int, list[Reply]]:
    found: dict[int, list[Reply]] = defaultdict(list)
    for each in peers:
        found[each.dialog].append(each.reply)
    return found


def _distances(
    early: Sequence[Exchange],
    late: Sequence[Exchange],
    some: Sequence[Exchange],
    twin: Sequence[Reply],
    others: Sequence[Exchange],
    seed: int,
) -> list[dict[str, Any]] | None:
    first, second, strangers = ([each.reply for each in group] for group in (early, late, others))
    try:
        found = distances.compare(first, second, some, twin, strangers, seed)
    except ValueError:
        return None
    return [each.as_json() for each in found]


def _suggestions(material: Material, found: Evaluation, seed: int) -> dict[str, Any]:
    asked, proposed = found.proposals
    common = suggestion.most_frequent(material.past)
    sides = {
        "twin": proposed,
        "most frequent reply": [common] * len(asked),
        "nearest past reply": suggestion.nearest(material.past, asked),
    }
    rows = {}
    for name, some in sides.items():
        hits, saved = suggestion.figures(asked, some, seed)
        rows[name] = {"hit@3": hits.as_json(), "saved": saved.as_json()}
    return rows
