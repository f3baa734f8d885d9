"""How far the twin's style lies from the owner's, feature by feature, in units of the owner's own drift.

Kinds are compared by the Jensen-Shannon distance (base 2, 0 to 1), lengths by Kolmogorov and Smirnov's D (0 to 1) and
by the Wasserstein distance of their logarithms.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training import style
from training.style import Reply

LEAST = 30
"""Replies of a side below which a distance is chance."""
KINDS: dict[str, Callable[[str], str]] = {
    "punctuation": style.ending,
    "casing": style.casing,
    "emoji": style.has_emoji,
    "questions": style.asks,
    "language": style.script,
}


@dataclass(frozen=True, slots=True)
class Distance:
    """One feature's distance. `times_drift` is None where the owner does not drift at all."""

    feature: str
    measure: str
    value: float
    drift: float
    impostor: float | None
    times_drift: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def between(one: Sequence[Reply], other: Sequence[Reply]) -> dict[tuple[str, str], float]:
    """All distances of two sides' replies, by feature and measure. Raises `ValueError` below `LEAST` replies a side."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import ks_2samp, wasserstein_distance

    if min(len(one), len(other)) < LEAST:
        raise ValueError("too few replies")
    sides = [[text for reply in side for text in reply if text.strip()] for side in (one, other)]
    found: dict[tuple[str, str], float] = {}
    for name, lengths in (
        ("length", [np.log1p([len(text) for text in side]) for side in sides]),
        ("burst", [np.log1p([len(reply) for reply in side]) for side in (one, other)]),
    ):
        found[name, "KS"] = float(ks_2samp(*lengths, method="asymp").statistic)
        found[name, "Wasserstein"] = float(wasserstein_distance(*lengths))
    for name, kind in KINDS.items():
        counts = [Counter(map(kind, side)) for side in sides]
        kinds = sorted(counts[0] | counts[1])
        shares = [[count[each] / count.total() for each in kinds] for count in counts]
        distance = float(jensenshannon(*shares, base=2))
        found[name, "JS"] = 0.0 if np.isnan(distance) else distance
    return found


def compare(
    early: Sequence[Reply],
    late: Sequence[Reply],
    real: Sequence[Reply],
    twin: Sequence[Reply],
    impostor: Sequence[Reply],
) -> list[Distance]:
    """The twin against the real replies to the same contexts, beside the owner's drift and another person."""
    ours, drift = between(real, twin), between(early, late)
    theirs = between(real, impostor) if len(impostor) >= LEAST else {}
    return [
        Distance(feature, measure, value, own, theirs.get((feature, measure)), value / own if own > 0 else None)
        for (feature, measure), value in ours.items()
        for own in (drift[feature, measure],)
    ]
