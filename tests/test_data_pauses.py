"""The owner's own thresholds: found where they are, and not found where they are not."""

import random
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.pauses import FIXED, PAUSE_BOUNDS, SILENCE_BOUNDS, fit, valley


def hills(*centres: float, each: int = 2000, spread: float = 0.5) -> Counter[int]:
    """Log-normal gaps around some seconds."""
    chance = random.Random(1)
    return Counter(int(centre * 2 ** chance.gauss(0, spread)) for centre in centres for _ in range(each))


def test_the_valley_between_two_hills_is_found_on_the_log_scale() -> None:
    found = valley(hills(8, 1200), *PAUSE_BOUNDS)
    assert found
    assert timedelta(seconds=60) <= found <= timedelta(seconds=300), "halfway between 8 s and 20 min is 98 s"


def test_one_hill_has_no_valley_and_the_fixed_values_stand() -> None:
    assert valley(hills(100), *PAUSE_BOUNDS) is None
    assert fit(hills(100), hills(3000)) == FIXED


def test_a_valley_of_few_gaps_is_chance() -> None:
    assert fit(hills(8, 1200, each=100), hills(30, 30_000, each=100)) == FIXED
    assert fit({}, {}) == FIXED


def test_pause_and_silence_are_fitted_from_their_own_gaps() -> None:
    fitted = fit(hills(8, 1200), hills(30, 80_000))
    assert fitted.pause != FIXED.pause
    assert fitted.silence != FIXED.silence


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.dictionaries(st.integers(0, 10_000_000), st.integers(1, 5000)), st.dictionaries(st.integers(), st.just(400)))
def test_whatever_the_gaps_the_thresholds_are_sane(bursts: dict[int, int], gaps: dict[int, int]) -> None:
    fitted = fit(bursts, gaps)
    assert PAUSE_BOUNDS[0] <= fitted.pause <= PAUSE_BOUNDS[1]
    assert SILENCE_BOUNDS[0] <= fitted.silence <= SILENCE_BOUNDS[1]
    assert fitted.pause <= fitted.silence
