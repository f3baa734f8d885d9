"""How sure a candidate is, on the owner's own scale: the lower of two quantiles, and uncalibrated.

A raw probability means nothing to a person. So a candidate's mean token log-probability is placed among those of the
owner's held-out *real* replies under the same model, and its agreement with the other candidates among the agreements
measured in the same way on held-out contexts. How often a reply of a given confidence is a good one is not known from
this: that is what calibration would be.
"""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data.errors import UserError
from data.samples import Sample, write_private
from training.adapter import disk
from training.candidate import Candidate
from training.evaluate import Scored, choose
from training.generate import Generator

FILE = "confidence.json"
POINTS = 101
"""A reference is kept as this many evenly spaced quantiles, which says nothing of any single reply."""
MIN_TURNS = 20
"""Fewer real replies make no scale."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """The two reference distributions, as ascending quantiles. Stored beside the adapter they were measured with."""

    logprob: tuple[float, ...]
    logprob_n: int
    """Real replies behind `logprob`."""
    agreement: tuple[float, ...]
    agreement_n: int
    """Candidates behind `agreement`."""
    quantization: str
    """Of the model that scored the replies: another one shifts every log-probability."""
    seed: int
    calibrated: bool = False

    def of(self, candidates: Sequence[Candidate]) -> tuple[float | None, ...]:
        """Each candidate's confidence, 0 to 1; None where its log-probability is not known. A single candidate agrees
        with nobody, and gets 0."""
        agreements = agreement([candidate.texts for candidate in candidates])
        return tuple(
            None
            if candidate.logprob_mean is None
            else min(_quantile(self.logprob, candidate.logprob_mean), _quantile(self.agreement, agreed))
            for candidate, agreed in zip(candidates, agreements, strict=True)
        )

    def save(self, folder: Path) -> None:
        """Write it into an adapter's folder."""
        with disk(folder):
            write_private(folder / FILE, json.dumps(asdict(self), indent=2) + "\n")


def load(folder: Path) -> Confidence | None:
    """The table in an adapter's folder, None where there is none. Raises `UserError` for a damaged one."""
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Confidence(**values | {"logprob": tuple(values["logprob"]), "agreement": tuple(values["agreement"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"The confidence table in {folder} is damaged.", "Run: doppelgram evaluate") from error


def measure(
    generator: Generator,
    quantization: str,
    scored: Sequence[Scored],
    samples: Sequence[Sample],
    *,
    contexts: int = 8,
    candidates: int = 3,
    max_tokens: int = 32,
    seed: int = 1,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Confidence | None:
    """Measure both references: `scored` are held-out windows under this model, `samples` give contexts to answer.

    None where there are too few real replies, or no context was answered.
    """
    logprobs = sorted(mean for window in scored for mean in window.turns)
    agreements: list[float] = []
    answered = [(sample, found[0]) for sample in samples if (found := sample.last_exchange())]
    chosen = choose(answered, contexts, seed)
    for index, (sample, context) in enumerate(chosen):
        if stop():
            raise KeyboardInterrupt
        made = generator.reply(context, candidates, seed + index, dialog=sample.dialog_id, max_tokens=max_tokens)
        if len(made) > 1:
            agreements += agreement([candidate.texts for candidate in made])
        progress((index + 1) / len(chosen))
    if len(logprobs) < MIN_TURNS or not agreements:
        return None
    return Confidence(
        _points(logprobs), len(logprobs), _points(sorted(agreements)), len(agreements), quantization, seed
    )


def agreement(replies: Sequence[tuple[str, ...]]) -> list[float]:
    """Per reply the mean chrF with each of the others, 0 to 1; 0 for a single one."""
    texts = ["\n".join(reply) for reply in replies]
    return [
        sum((chrf(mine, other) + chrf(other, mine)) / 2 for j, other in enumerate(texts) if j != i)
        / max(1, len(texts) - 1)
        for i, mine in enumerate(texts)
    ]


def chrf(hypothesis: str, reference: str, order: int = 6, beta: float = 2.0) -> float:
    """Character n-gram F-score, 0 to 1: chrF of Popović (2015), with white space removed as there.

    Precision and recall are averaged over those orders that both texts are long enough for; texts that share no order
    are equal or they score 0.
    """
    mine, theirs = "".join(hypothesis.split()), "".join(reference.split())
    precisions: list[float] = []
    recalls: list[float] = []
    for n in range(1, min(order, len(mine), len(theirs)) + 1):
        ours = Counter(mine[i : i + n] for i in range(len(mine) - n + 1))
        wanted = Counter(theirs[i : i + n] for i in range(len(theirs) - n + 1))
        both = (ours & wanted).total()
        precisions.append(both / ours.total())
        recalls.append(both / wanted.total())
    if not precisions:
        return float(mine == theirs)
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def _points(ascending: Sequence[float]) -> tuple[float, ...]:
    """`POINTS` quantiles by linear interpolation."""
    last = len(ascending) - 1
    points = []
    for index in range(POINTS):
        place = index * last / (POINTS - 1)
        low = int(place)
        share = place - low
        points.append(ascending[low] * (1 - share) + ascending[min(low + 1, last)] * share)
    return tuple(points)


def _quantile(points: Sequence[float], value: float) -> float:
    """The share of the reference below `value`, ties counting half."""
    return (bisect_left(points, value) + bisect_right(points, value)) / 2 / len(points)
