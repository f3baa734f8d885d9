"""The pictures of a report: what is marked on them, and where."""

import re
from typing import Any

import pytest

from training import figures, scores
from training.measures.interval import Figure

TWIN = Figure(0.74, 0.61, 0.85, 60, 40, 8)


def taken(**more: Any) -> scores.Gauge:
    """The gauge of Q4."""
    q4 = {"owner_real": {"value": 0.9}, "owner_written": TWIN.as_json(), "owner_others": 0.08}
    sides = {side: TWIN.as_json() for side in ("twin", "base", "drift", "impostor")}
    told = {"Q2": {"one": sides}, "Q3": {"one": sides}}
    (*_, found) = scores.gauges({**told, "Q4": q4 | more})
    return found


def words(picture: str) -> list[str]:
    return re.findall(r">([^<>\n]+)</text>", picture)


def test_who_is_taken_for_the_owner_is_a_gauge_between_a_stranger_and_the_owner() -> None:
    gauge = taken()
    assert (gauge.id, gauge.impostor, gauge.self_) == ("Q4", 0.08, 0.9)
    assert gauge.goal == pytest.approx((0.95 * 0.9, 1.0))
    assert {"twin 0.74", "another person 0.08", "yourself 0.90", "never", "always"} <= set(words(figures.gauge(gauge)))
    assert taken(owner_real={"value": None}, owner_others=None).goal is None


def test_each_distance_is_a_line_with_its_name_also_where_there_is_no_difference_at_all() -> None:
    row = {"feature": "length", "measure": "Wasserstein", "drift": 0.1, "impostor": None, "times_drift": 7.4}
    known = row | {"twin": TWIN.as_json()}
    assert words(figures.distances([known, known | {"feature": "burst"}], 1.25)) == ["burst (W)", "length (W)"]
    nothing = row | {"twin": Figure(0.0, 0.0, 0.0, 60).as_json(), "drift": 0.0}
    assert words(figures.distances([nothing], 1.25)) == ["length (W)"]
