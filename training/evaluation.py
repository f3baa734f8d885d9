"""The whole evaluation of one adapter, piece by piece: what is finished lies on the disk and is not done again.

A piece is computed from the material, the size and the seed; its file carries a key of these and of the adapter's
weights, so nothing is taken over from another adapter, dataset or size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from data.samples import Sample
from training.evaluate import Scored, choose
from training.generate import Generator
from training.material import Material
from training.measures import likelihood, probes, replies
from training.measures.exchange import Exchange
from training.measures.interval import spread
from training.measures.likelihood import Window
from training.model import LanguageModel
from training.pieces import Pieces, key_of
from training.style import Reply

CHUNK = 50
"""Contexts answered between two writes."""
WHOLE = 1 << 20
"""Prompt tokens read at once: nobody stops a reply here."""
SIDES = ("twin", "base")
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    name: str
    windows: int
    window_characters: int
    fit_tokens: int
    """For "as many messages as fit"."""
    pairs: int
    """Contexts that the twin answers once."""
    base_pairs: int
    suggestions: int
    """Contexts with three proposals."""
    temperature_contexts: int
    facts: int
    characters: int
    """Of a context that is answered."""
    max_tokens: int


QUICK = Size("quick", 32, 300, 300, 200, 100, 32, 8, 2, 300, 24)
FULL = Size("full", 200, 2400, 3000, 1000, 1000, 300, 40, 5, 1200, 48)


@dataclass(frozen=True)
class Replies:
    """The same contexts answered by each side. `base` answered the first `base_pairs` of them only."""

    contexts: list[Exchange]
    twin: list[Reply]
    base: list[Reply]
    temperature: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was computed with the model. The measures are made of it without one."""

    size: Size
    seed: int
    likelihood: likelihood.Bits
    replies: Replies
    proposals: tuple[list[Exchange], list[list[Reply]]]
    events: dict[str, dict[str, probes.Share]]
    facts: dict[str, dict[int, probes.Share]]


def run(
    model: LanguageModel,
    material: Material,
    pieces: Pieces,
    size: Size,
    *,
    seed: int = 1,
    top_p: float = 0.9,
    progress: Progress = lambda share, words: None,
) -> Evaluation:
    """Measure the adapter that is on the model, going on with what lies in `pieces`.

    With too little held out the figures say so, and what can be looked at is there. Raises `ValueError` where nothing
    was held out; Ctrl-C loses the piece at hand.
    """
    if not material.held_out or not material.windows:
        raise ValueError("no reply of yours was held out")
    windows = spread(likelihood.readable(material.windows), size.windows, seed)
    contexts = spread(material.held_out, size.pairs, seed)
    # Another version of this program may choose others.
    pieces = replace(pieces, key=key_of(pieces.key, [each.sample for each in windows], contexts))
    bits = _likelihood(model, windows, material.past, pieces, size, seed, lambda s, w: progress(0.45 * s, w))
    generators = {side: Generator(model, chunk=WHOLE) for side in SIDES}
    warm: dict[str, dict[str, Any]] = {}
    for side, start in (("twin", 0.45), ("base", 0.475)):

        def tried(share: float, begun: float = start, who: str = side) -> None:
            progress(begun + 0.025 * share, f"sampling temperature of the {who}")

        finding = partial(_temperature, model, generators[side], side, material, size, seed, top_p, tried)
        warm[side] = pieces.get(f"temperature-{side}", finding)
    sampling = {
        side: {"max_tokens": size.max_tokens, "temperature": warm[side]["temperature"], "top_p": top_p}
        for side in SIDES
    }
    asked = contexts[: size.suggestions]
    proposed = pieces.get(
        "proposals",
        lambda: [
            [each.texts for each in made]
            for made in replies.write(
                generators["twin"],
                asked,
                n=3,
                seed=seed + 1,
                characters=size.characters,
                kept=True,  # the twin answers them once more below
                progress=lambda share: progress(0.5 + 0.08 * share, "three proposals each"),
                **sampling["twin"],
            )
        ],
    )
    written: dict[str, list[Reply]] = {}
    for side, most, start, long in (("twin", size.pairs, 0.58, 0.22), ("base", size.base_pairs, 0.8, 0.13)):

        def told(share: float, begun: float = start, part: float = long, who: str = side) -> None:
            progress(begun + part * share, f"replies of the {who}")

        written[side] = _written(
            model, generators[side], side, contexts[:most], pieces, size, seed, sampling[side], told
        )
    told_events: dict[str, dict[str, probes.Share]] = {}
    told_facts: dict[str, dict[int, probes.Share]] = {}
    for side, start in (("twin", 0.93), ("base", 0.965)):
        progress(start, f"probes of events and memory, {side}")
        asking = partial(_probes, model, generators[side], side, material, size, seed, sampling[side])
        probe = pieces.get(f"probes-{side}", asking)
        told_events[side] = {name: probes.Share(*share) for name, share in probe["events"].items()}
        told_facts[side] = {int(name): probes.Share(*share) for name, share in probe["facts"].items()}
    progress(1.0, "done")
    return Evaluation(
        size,
        seed,
        bits,
        Replies(contexts, written["twin"], written["base"], {side: warm[side]["temperature"] for side in SIDES}),
        (asked, [[tuple(texts) for texts in each] for each in proposed]),
        told_events,
        told_facts,
    )


def _likelihood(
    model: LanguageModel,
    whole: Sequence[Window],
    past: Sequence[Exchange],
    pieces: Pieces,
    size: Size,
    seed: int,
    progress: Progress,
) -> likelihood.Bits:
    windows = [Window(likelihood.cut(each.sample, size.window_characters), each.conversation) for each in whole]
    changes = likelihood.conditions(past, size.fit_tokens, seed)
    jobs: dict[str, tuple[Callable[[Window], Sample], bool]] = {
        name: (change, False) for name, change in changes.items()
    }
    jobs |= {
        "adapter": (changes["base"], True),
        "adapter, history shuffled": (likelihood.shuffled(seed), True),
    }
    scored: dict[str, list[Scored]] = {}
    for done, (name, (change, adapter)) in enumerate(jobs.items()):

        def told(share: float, before: int = done, words: str = name) -> None:
            progress((before + share) / len(jobs), f"bits per character, {words}")

        rows = pieces.get(f"bits-{done}", partial(_scored, model, windows, change, adapter, told))
        scored[name] = [Scored(**row | {"turns": tuple(row["turns"])}) for row in rows]
    return likelihood.compare(windows, scored, seed)


def _scored(
    model: LanguageModel,
    windows: Sequence[Window],
    change: Callable[[Window], Sample],
    adapter: bool,
    progress: Callable[[float], None],
) -> list[dict[str, Any]]:
    return [asdict(each) for each in likelihood.score(model, windows, change, adapter, progress)]


def _switched(model: LanguageModel, side: str) -> Any:
    from contextlib import nullcontext

    return nullcontext() if side == "twin" else model.without_adapter()


def _temperature(
    model: LanguageModel,
    generator: Generator,
    side: str,
    material: Material,
    size: Size,
    seed: int,
    top_p: float,
    progress: Callable[[float], None],
) -> dict[str, Any]:
    """Matched on past contexts: those that are answered later stay unseen."""
    some = choose(material.past or material.held_out, size.temperature_contexts, seed)
    windows = [Sample(e.dialog, _whole(e, size.characters), 0) for e in some]
    with _switched(model, side):
        scored = likelihood.score(model, [Window(each, 0) for each in windows], _last_only, side == "twin")
        real = sum(-s.text_nll - s.format_nll for s in scored) / sum(s.text_tokens + s.format_tokens for s in scored)
        found, curve = replies.temperature(
            generator,
            some,
            real,
            seed=seed,
            characters=size.characters,
            max_tokens=size.max_tokens,
            top_p=top_p,
            progress=progress,
        )
    return {"temperature": round(found, 3), "real": real, "curve": {str(t): value for t, value in curve.items()}}


def _whole(each: Exchange, characters: int) -> Any:
    from data.transcript import Transcript, Turn

    before = replies.tail(each.before, characters)
    return Transcript((*before.turns, Turn(True, each.reply, each.at, target=True)))


def _last_only(window: Window) -> Sample:
    sample = window.sample
    return Sample(sample.dialog_id, sample.transcript, len(sample.transcript.turns) - 1)


def _written(
    model: LanguageModel,
    generator: Generator,
    side: str,
    some: Sequence[Exchange],
    pieces: Pieces,
    size: Size,
    seed: int,
    sampling: Mapping[str, Any],
    progress: Callable[[float], None],
) -> list[Reply]:
    found: list[Reply] = []
    for start in range(0, len(some), CHUNK):
        part = some[start : start + CHUNK]

        def make(part: Sequence[Exchange] = part, start: int = start) -> list[Reply]:
            with _switched(model, side):
                made = replies.write(generator, part, seed=seed + start, characters=size.characters, **sampling)
            return replies.first(made)

        found += [tuple(texts) for texts in pieces.get(f"replies-{side}-{start}", make)]
        progress(len(found) / len(some))
    return found


def _probes(
    model: LanguageModel,
    generator: Generator,
    side: str,
    material: Material,
    size: Size,
    seed: int,
    sampling: Mapping[str, Any],
) -> dict[str, Any]:
    with _switched(model, side):
        happened = probes.events(generator, material.window, seed=seed, **sampling)
        known = probes.facts(generator, material.window, seed=seed, most=size.facts, **sampling)
    return {
        "events": {name: [share.hits, share.n] for name, share in happened.items()},
        "facts": {str(name): [share.hits, share.n] for name, share in known.items()},
    }
