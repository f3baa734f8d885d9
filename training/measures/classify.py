"""Can a classifier tell the one from the other? A two-sample test (Lopez-Paz and Oquab, 2017) on texts that are paired
by what they answer, so that it has to find a style and not a topic.

Two ways to pair: the real and the generated reply to one context (`paired`), or replies to different contexts, each
with the most similar one of the other side (`matched`: another person, or the same person at another time). Folds are
made of whole conversations, and matching happens within a fold, so neither a pair nor a conversation is on both sides.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from training import style
from training.measures.exchange import Exchange
from training.measures.interval import Clusters, Figure, Weights, figure, none

FOLDS = 5
BUNDLE = 5
"""Replies of one side that are judged together."""
LEAST_PAIRS = 20
View = Literal["characters", "style", "length"]
"""What a classifier sees: character n-grams, features of style alone, or nothing but the length."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A text of each side. `fold` is -1 where it is still open."""

    one: tuple[str, ...]
    other: tuple[str, ...]
    conversation: int
    chat: int
    fold: int = -1


def paired(some: Sequence[Exchange], written: Sequence[tuple[str, ...]]) -> list[Pair]:
    """Each real reply beside what was generated for its context; contexts without a reply are left out."""
    return [
        Pair(each.reply, made, each.conversation, each.dialog) for each, made in zip(some, written, strict=True) if made
    ]


def matched(some: Sequence[Exchange], others: Sequence[Exchange], seed: int = 1, most: int = 1000) -> list[Pair]:
    """Replies of two sides, paired one to one so that what they answer is as similar as possible (cosine of TF-IDF over
    words, the assignment by Jonker and Volgenant's algorithm), within folds of whole conversations."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.feature_extraction.text import TfidfVectorizer

    place = _folds([each.conversation for each in some], [each.conversation for each in others], seed)
    try:
        words = TfidfVectorizer(sublinear_tf=True).fit(["\n".join(each.they) for each in (*some, *others)])
    except ValueError:  # nobody wrote a word
        return []
    chance = np.random.default_rng(seed)
    found: list[Pair] = []
    for fold in range(FOLDS):
        left, right = ([each for each in side if place[each.conversation] == fold] for side in (some, others))
        n = min(len(left), len(right), most // FOLDS)
        if not n:
            continue
        left, right = ([side[i] for i in sorted(chance.permutation(len(side))[: 3 * n])] for side in (left, right))
        near = (
            words.transform(["\n".join(e.they) for e in left]) @ words.transform(["\n".join(e.they) for e in right]).T
        )
        rows, columns = linear_sum_assignment(-near.toarray())
        best = sorted(zip(rows, columns, strict=True), key=lambda pair: -near[pair[0], pair[1]])[:n]
        found += [
            Pair(left[i].reply, right[j].reply, left[i].conversation, left[i].dialog, fold) for i, j in sorted(best)
        ]
    return found


def bundles(pairs: Sequence[Pair], size: int = BUNDLE) -> list[Pair]:
    """Neighbouring pairs of one fold and chat joined, `size` at a time; a rest that is too small is left out."""
    by_chat: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for each in _with_folds(pairs, 1):
        by_chat[each.fold, each.chat].append(each)
    found = []
    for group in by_chat.values():
        for start in range(0, len(group) - size + 1, size):
            some = group[start : start + size]
            one, other = (tuple(t for each in some for t in side(each)) for side in (_one, _other))
            found.append(Pair(one, other, some[0].conversation, some[0].chat, some[0].fold))
    return found


def _one(pair: Pair) -> tuple[str, ...]:
    return pair.one


def _other(pair: Pair) -> tuple[str, ...]:
    return pair.other


def auc(pairs: Sequence[Pair], view: View, seed: int = 1) -> Figure:
    """How often the classifier holds the `one` text for more likely real than an `other` one: 0.5 is chance, 1 always.

    The mean over folds, by size, of each fold's own area under the curve: scores of different classifiers do not mix.
    """
    if len(pairs) < LEAST_PAIRS:
        return none(f"insufficient data: {len(pairs)} pairs, at least {LEAST_PAIRS} are needed", len(pairs), seed)
    clusters = Clusters(tuple(pair.conversation for pair in pairs), tuple(pair.chat for pair in pairs))
    if why := clusters.too_few():
        return none(why, len(pairs), seed)
    pairs = _with_folds(pairs, seed)
    scores = _scores(pairs, view)
    return figure(clusters, lambda weights: _areas(pairs, scores, weights), seed)


def value(pairs: Sequence[Pair], view: View, seed: int = 1) -> float:
    """The same area without an interval. Raises `ValueError` for fewer than `LEAST_PAIRS`."""
    if len(pairs) < LEAST_PAIRS:
        raise ValueError("too few pairs")
    pairs = _with_folds(pairs, seed)
    return float(_areas(pairs, _scores(pairs, view), np.ones((1, len(pairs))))[0])


def _scores(pairs: Sequence[Pair], view: View) -> np.ndarray:
    """Log-odds [pairs, 2] of being a `one` text, each from a classifier that saw neither its pair nor its fold."""
    folds = np.array([pair.fold for pair in pairs])
    found = np.full((len(pairs), 2), np.nan)
    for fold in sorted(set(folds.tolist())):
        learn, test = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        if not learn:
            continue
        texts = [pairs[i].one for i in learn] + [pairs[i].other for i in learn]
        labels = [1] * len(learn) + [0] * len(learn)
        fitted = _classifier(view).fit(texts, labels)
        found[test, 0] = fitted.decision_function([pairs[i].one for i in test])
        found[test, 1] = fitted.decision_function([pairs[i].other for i in test])
    return found


def _areas(pairs: Sequence[Pair], scores: np.ndarray, weights: Weights) -> np.ndarray:
    folds = np.array([pair.fold for pair in pairs])
    total = np.zeros(len(weights))
    mass = np.zeros(len(weights))
    for fold in sorted(set(folds.tolist())):
        here = np.flatnonzero((folds == fold) & ~np.isnan(scores[:, 0]))
        one, other, w = scores[here, 0], scores[here, 1], weights[:, here]
        wins = (one[:, None] > other[None, :]) + 0.5 * (one[:, None] == other[None, :])
        sums = w.sum(1)
        total += np.divide(((w @ wins) * w).sum(1), sums, out=np.zeros(len(w)), where=sums > 0)
        mass += sums
    return np.divide(total, mass, out=np.full(len(weights), np.nan), where=mass > 0)


def _classifier(view: View) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    decide = LogisticRegression(max_iter=1000)
    if view == "characters":
        grams = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(1, 4), lowercase=False, sublinear_tf=True, preprocessor=_joined, min_df=2
        )
        return make_pipeline(grams, decide)
    features = FunctionTransformer(style.matrix if view == "style" else style.lengths)
    return make_pipeline(features, StandardScaler(), decide)


def _joined(texts: tuple[str, ...]) -> str:
    return "\n".join(texts)


def _with_folds(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The pairs, those without a fold given one by conversation."""
    if all(pair.fold >= 0 for pair in pairs):
        return list(pairs)
    talks = [pair.conversation for pair in pairs]
    place = _folds(talks, talks, seed)
    return [replace(pair, fold=place[pair.conversation]) for pair in pairs]


def _folds(ours: Sequence[int], theirs: Sequence[int], seed: int) -> dict[int, int]:
    """A fold for each conversation, so that both sides fill all folds about equally. A conversation of the two with
    each other is in one fold: else its topic would be learned under one name and tested under the other."""
    left, right = Counter(ours), Counter(theirs)
    order = np.random.default_rng(seed).permutation(sorted(left.keys() | right.keys())).tolist()
    filled, place = np.zeros((2, FOLDS)), dict[int, int]()
    for each in sorted(order, key=lambda one: -left[one] - right[one]):
        size = np.array([left[each], right[each]])
        place[each] = int((size @ filled).argmin())
        filled[:, place[each]] += size
    return place
