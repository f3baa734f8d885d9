"""Would the owner have taken one of the proposed replies? Against two ways of proposing that need no model.

The measures are those of Smart Reply (Kannan et al., 2016): `hit@k`, that one of k proposals is the real reply, by
equality of the normalised texts or chrF of 0.6 or more, and the share of typing that the best of them saves.
"""

from collections import Counter
from collections.abc import Sequence

from training.confidence import chrf
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, figure, mean
from training.measures.nearest import Index
from training.style import Reply

K = 3
ALIKE = 0.6


def hit(proposed: Sequence[Reply], real: Reply) -> bool:
    """Whether one of them is the real reply, near enough."""
    wanted = normal(real)
    return any(normal(each) == wanted or chrf(normal(each), wanted) >= ALIKE for each in proposed)


def saved(proposed: Sequence[Reply], real: Reply) -> float:
    """The largest share of the longer text that need not be typed: 1 less the edit distance over that length."""
    wanted = "\n".join(real)
    return max((_saved("\n".join(each), wanted) for each in proposed), default=0.0)


def normal(reply: Reply) -> str:
    """Lower case, single spaces, no full stop at the end."""
    return " ".join(" ".join(reply).lower().split()).rstrip(".! ")


def most_frequent(past: Sequence[Exchange], k: int = K) -> list[Reply]:
    """The owner's commonest replies: the first way to beat."""
    common = Counter(normal(each.reply) for each in past)
    return [(text,) for text, _ in sorted(common.items(), key=lambda pair: (-pair[1], pair[0]))[:k]]


def nearest(past: Sequence[Exchange], some: Sequence[Exchange], k: int = K) -> list[list[Reply]]:
    """What the owner answered to the most similar past messages: the second way to beat."""
    index = Index(["\n".join(each.they) for each in past])
    return [[past[place].reply for place in index.best("\n".join(each.they), k)] for each in some]


def figures(some: Sequence[Exchange], proposed: Sequence[Sequence[Reply]], seed: int = 1) -> tuple[Figure, Figure]:
    """hit@k and the share of typing saved, over contexts."""
    clusters = Clusters(tuple(each.conversation for each in some), tuple(each.dialog for each in some))
    hits = [float(hit(made, each.reply)) for each, made in zip(some, proposed, strict=True)]
    shares = [saved(made, each.reply) for each, made in zip(some, proposed, strict=True)]
    return figure(clusters, mean(hits), seed), figure(clusters, mean(shares), seed)


def _saved(draft: str, wanted: str) -> float:
    longest = max(len(draft), len(wanted))
    return 1 - distance(draft, wanted) / longest if longest else 1.0


def distance(one: str, other: str) -> int:
    """The edit distance of Levenshtein (1966)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]
