"""The distances of style, on invented people and against scipy."""

from collections import Counter

import numpy as np
import pytest

from tests.voices import formal, person, quiet
from training import style
from training.measures import distances


def test_a_distance_is_nothing_to_oneself_and_large_to_somebody_else() -> None:
    one, again, other = (
        [e.reply for e in person(voice, seed)] for voice, seed in ((quiet, 1), (quiet, 2), (formal, 3))
    )
    same, apart = distances.between(one, again), distances.between(one, other)
    assert set(same) == {
        *(("length", m) for m in ("KS", "Wasserstein")),
        *(("burst", m) for m in ("KS", "Wasserstein")),
        *((name, "JS") for name in ("punctuation", "casing", "emoji", "questions", "language")),
    }
    for key in (("length", "KS"), ("burst", "KS"), ("punctuation", "JS"), ("casing", "JS")):
        assert same[key] < 0.12
        assert apart[key] > 0.5
    assert apart["punctuation", "JS"] == pytest.approx(1.0)  # no ending in common, base 2
    assert all(value == pytest.approx(0) for value in distances.between(one, one).values())
    with pytest.raises(ValueError):
        distances.between(one[:10], other)


def test_a_twin_is_held_against_the_owners_own_drift() -> None:
    early, late, twin = person(quiet, 1), person(quiet, 2), [e.reply for e in person(formal, 3)]
    first, second = ([e.reply for e in side] for side in (early, late))
    found = {(d.feature, d.measure): d for d in distances.compare(first, second, late, twin, first)}
    length = found["length", "KS"]
    assert length.times_drift == pytest.approx((length.twin.value or 0) / length.drift)
    assert length.impostor == pytest.approx(length.drift)
    assert found["emoji", "JS"].times_drift is None  # nobody has any, so there is nothing to drift


def test_a_distance_is_scipys_and_that_of_replies_drawn_twice_is_that_of_those_replies() -> None:
    """The interval comes from weights: a reply of weight 2 must count as if it stood there twice."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import ks_2samp, wasserstein_distance

    some, twin = person(quiet, 1), [e.reply for e in person(formal, 3)]
    twin[::7] = [()] * len(twin[::7])
    real = [each.reply for each in some]
    lengths = [np.log1p([len(text) for reply in side for text in reply]) for side in (real, twin)]
    found = distances.between(real, twin)
    assert found["length", "KS"] == pytest.approx(ks_2samp(*lengths, method="asymp").statistic)
    assert found["length", "Wasserstein"] == pytest.approx(wasserstein_distance(*lengths))
    asked = [Counter(style.asks(text) for reply in side for text in reply) for side in (real, twin)]
    shares = [[count[kind] / count.total() for kind in sorted(asked[0] | asked[1])] for count in asked]
    assert found["questions", "JS"] == pytest.approx(jensenshannon(*shares, base=2))
    weights = np.arange(len(some)) % 3
    drawn = [[reply for reply, n in zip(side, weights, strict=True) for _ in range(n)] for side in (real, twin)]
    for key, apart in distances.measures(real, twin).items():
        assert apart(weights[None], weights[None])[0] == pytest.approx(distances.between(*drawn)[key]), key


def test_shares_that_differ_by_rounding_alone_are_not_apart() -> None:
    chance = np.random.default_rng(1)
    shares = chance.dirichlet(np.ones(4), 100)
    rounded = shares * (1 + chance.normal(0, 2e-16, shares.shape))
    assert (distances._jensen_shannon(shares, rounded) == 0).all()


def test_the_interval_of_a_distance_is_one_of_conversations() -> None:
    owner, again = person(quiet, 1), [e.reply for e in person(quiet, 2)]
    replies = [each.reply for each in owner]
    for each in distances.compare(replies, again, owner, again, ()):
        twin = each.twin
        assert twin.low is not None
        assert twin.high is not None
        assert 0 <= twin.low <= twin.high <= 1
        assert (twin.n, twin.chats, twin.seed) == (len(owner), 8, 1)
        if each.feature == "length":
            assert twin.low < twin.high
    few = [each for each in owner if each.dialog < 3]
    (why, *_) = distances.compare(replies, again, few, again[: len(few)], ())
    assert (why.twin.value, why.times_drift) == (None, None)
    assert "insufficient data" in (why.twin.why_none or "")
