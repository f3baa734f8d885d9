"""Side by side: held-out contexts with the reply that was really written, the untuned base's, and the twin's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.samples import Sample
from data.transcript import Transcript
from training.evaluate import choose
from training.generate import Generator
from training.model import LanguageModel


@dataclass(frozen=True, slots=True)
class Example:
    """One context. Every side is a tuple of messages; `they` is what is being answered."""

    they: tuple[str, ...]
    real: tuple[str, ...]
    base: tuple[str, ...]
    twin: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def side_by_side(
    model: LanguageModel, samples: Sequence[Sample], n: int, *, max_tokens: int = 32, seed: int = 1
) -> list[Example]:
    """Answer `n` held-out contexts with the adapter off and on, with the same seed. The model carries an adapter."""
    answered = [sample for sample in samples if sample.last_exchange()]
    chosen = [found for sample in choose(answered, n, seed) if (found := sample.last_exchange())]
    with model.without_adapter():
        by_base = [_reply(Generator(model), before, max_tokens, seed) for before, _ in chosen]
    by_twin = [_reply(Generator(model), before, max_tokens, seed) for before, _ in chosen]
    return [
        Example(before.turns[-1].texts, real.texts, base, twin)
        for (before, real), base, twin in zip(chosen, by_base, by_twin, strict=True)
    ]


def _reply(generator: Generator, before: Transcript, max_tokens: int, seed: int) -> tuple[str, ...]:
    candidates = generator.reply(before, 1, seed, max_tokens=max_tokens)
    return candidates[0].texts if candidates else ()
