"""The whole evaluation of one adapter, piece by piece: what is finished lies on the disk and is not done again.

A piece is computed from the material, the size and the seed; its file carries a key of these and of the adapter's
weights, so nothing is taken over from another adapter, dataset or size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from training import crew
from training.crew import Part
from training.material import Material
from training.measures import likelihood, probes
from training.measures.exchange import Exchange
from training.model import LanguageModel
from training.parts import SIDES, Parts
from training.pieces import Pieces, nothing
from training.style import Reply

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
    rival_pairs: int
    """Contexts that each rival answers: the base with a help from its prompt alone."""
    suggestions: int
    """Contexts with three proposals."""
    temperature_contexts: int
    facts: int
    characters: int
    """Of a context that is answered."""
    max_tokens: int


QUICK = Size("quick", 32, 300, 300, 200, 100, 0, 32, 8, 2, 300, 24)
FULL = Size("full", 200, 2400, 3000, 1000, 1000, 300, 300, 40, 5, 1200, 48)


@dataclass(frozen=True)
class Replies:
    """The same contexts answered by each side; `base` and the rivals answered as many of the first as there are."""

    contexts: list[Exchange]
    twin: list[Reply]
    base: list[Reply]
    rivals: dict[str, list[Reply]]
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


@dataclass(frozen=True, slots=True)
class Again:
    """How another process comes to the same model and the same material."""

    model: Callable[[], LanguageModel]
    material: Callable[[], Material]


def run(
    model: LanguageModel,
    material: Material,
    pieces: Pieces,
    size: Size,
    *,
    seed: int = 1,
    top_p: float = 0.9,
    progress: Progress = lambda share, words: None,
    again: Again | None = None,
) -> Evaluation:
    """Measure the adapter that is on the model, going on with what lies in `pieces`. With `again` another process helps
    where this machine suits.

    With too little held out the figures say so, and what can be looked at is there. Raises `ValueError` where nothing
    was held out; Ctrl-C loses the piece at hand.
    """
    if not material.held_out or not material.windows:
        raise ValueError("no reply of yours was held out")
    parts = Parts(model, material, pieces, size, seed, top_p)
    helped = (
        partial(_anew, again, replace(pieces, demand=nothing), size, seed, top_p)
        if again and crew.suits(model)
        else None
    )
    crew.make(parts.all(), progress, helped)
    progress(1.0, "done")
    probed = {side: parts.probes(side) for side in SIDES}
    return Evaluation(
        size,
        seed,
        parts.bits(),
        Replies(
            parts.contexts,
            parts.replies("twin"),
            parts.replies("base"),
            {name: parts.replies(name) for name in parts.rivals},
            {side: parts.temperature(side) for side in SIDES},
        ),
        parts.proposals(),
        {side: events for side, (events, _) in probed.items()},
        {side: facts for side, (_, facts) in probed.items()},
    )


def _anew(again: Again, *values: Any) -> list[Part]:
    return Parts(again.model(), again.material(), *values).all()
