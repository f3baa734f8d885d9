"""Who wrote this? The owner, or one of the people the owner talks with: character n-grams, learned on earlier messages.

A twin that copies whom it talks to is found out here: its replies go to the peer of that chat (`copied`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.measures.classify import BUNDLE
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, figure, mean, none
from training.style import Reply

OWNER = 0
"""The label of the owner; a peer's is the dialog's id."""
LEAST_PEERS, LEAST_REPLIES = 3, 40
MOST_REPLIES = 600
"""Of one person, so that nobody is likelier for having written more."""
ASKED = 0.2
"""The share of each peer's replies, the newest, that is not learned from."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Shares of bundles of replies: those given to the owner, and to the peer of their own chat."""

    peers: int
    owner_real: Figure
    owner_written: Figure
    copied_real: Figure
    copied_written: Figure
    owner_others: float | None = None
    """Of the peers' own newest bundles, which were not learned from: what a stranger in the owner's place would get."""


def attribute(
    earlier: Sequence[Reply],
    peers: Mapping[int, Sequence[Reply]],
    some: Sequence[Exchange],
    written: Sequence[Reply],
    seed: int = 1,
) -> Attribution:
    """Attribute bundles of real replies and of those `written` for the same contexts. `peers` by dialog."""
    known = {dialog: replies for dialog, replies in peers.items() if len(replies) >= LEAST_REPLIES}
    if len(known) < LEAST_PEERS or len(earlier) < LEAST_REPLIES:
        why = none(f"insufficient data: {len(known)} peers with enough text, at least {LEAST_PEERS} are needed")
        return Attribution(len(known), why, why, why, why)
    learned, asked = {}, []
    for dialog, replies in known.items():
        cut = round((1 - ASKED) * len(replies))
        learned[dialog] = replies[:cut]
        asked += _join(replies[cut:])
    fitted = _fit(earlier, learned)
    by_side = []
    for replies in ([each.reply for each in some], list(written)):
        found = _bundles(some, replies)
        clusters = Clusters(tuple(each.conversation for each, _ in found), tuple(each.dialog for each, _ in found))
        guessed = fitted.predict([text for _, text in found]).tolist() if found else []
        owner = [float(label == OWNER) for label in guessed]
        copied = [float(label == each.dialog) for label, (each, _) in zip(guessed, found, strict=True)]
        by_side.append((figure(clusters, mean(owner), seed), figure(clusters, mean(copied), seed)))
    (real, copied_real), (made, copied_made) = by_side
    strangers = float(np.mean(fitted.predict(asked) == OWNER))
    return Attribution(len(known), real, made, copied_real, copied_made, strangers)


def _fit(earlier: Sequence[Reply], peers: Mapping[int, Sequence[Reply]]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts: list[str] = []
    labels: list[int] = []
    for label, replies in ((OWNER, earlier), *peers.items()):
        joined = _join(replies[-MOST_REPLIES:])
        texts += joined
        labels += [label] * len(joined)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), lowercase=False, sublinear_tf=True, min_df=2)
    return make_pipeline(grams, LogisticRegression(max_iter=1000, class_weight="balanced")).fit(texts, labels)


def _join(replies: Sequence[Reply]) -> list[str]:
    """Neighbouring replies as one text, `BUNDLE` at a time, the last of them shorter."""
    texts = ["\n".join(reply) for reply in replies]
    return ["\n".join(texts[start : start + BUNDLE]) for start in range(0, len(texts), BUNDLE)]


def _bundles(some: Sequence[Exchange], replies: Sequence[Reply]) -> list[tuple[Exchange, str]]:
    """Neighbouring replies of one chat, `BUNDLE` at a time."""
    by_chat: dict[int, list[tuple[Exchange, str]]] = defaultdict(list)
    for each, reply in zip(some, replies, strict=True):
        if reply:
            by_chat[each.dialog].append((each, "\n".join(reply)))
    return [
        (group[start][0], "\n".join(text for _, text in group[start : start + BUNDLE]))
        for group in by_chat.values()
        for start in range(0, len(group) - BUNDLE + 1, BUNDLE)
    ]
