"""The demo walks the whole road for real, and its own judge cannot be talked into a promise that did not hold."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bot.demo.promises import Evidence, kept, learned

ANNA, BEN, CLEO, DORA = 11, 12, 13, 14
GOOD = Evidence(
    delivered=[(BEN, 1, "yes"), (CLEO, 2, "on my way"), (CLEO, 3, "yes")],
    heard=[(ANNA, 101), (BEN, 102), (CLEO, 103)],
    unanswered=[(CLEO, 104)],
    silent=[DORA],
    sent_while_paused=0,
    modes={ANNA: "draft", BEN: "ask", CLEO: "auto"},
    sent=[(BEN, 1, "yes"), (CLEO, 2, "on my way"), (CLEO, 3, "yes")],
    outcomes={(ANNA, 101): "suggested", (BEN, 102): "suggested", (CLEO, 103): "suggested", (CLEO, 104): None},
    by_hand=frozenset({1, 2}),
    unsure=0,
    drafted=1,
)
FIGURES: dict[str, Any] = {
    "pulled": 10_000,
    "quantization": "nf4",
    "controls": [{}, {}, {}, {}],
    "loss_base": 4.0,
    "loss_adapter": 3.7,
}


def broken(seen: Evidence) -> list[str]:
    return [promise.sentence for promise in kept(seen) if not promise.held]


def test_an_evening_without_fault_keeps_every_promise() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"delivered": [*GOOD.delivered, (BEN, 1, "yes")]}, "delivered once"),
        ({"delivered": [(BEN, 1, "yes"), *GOOD.delivered], "sent": [(BEN, 1, "yes"), *GOOD.sent]}, "delivered once"),
        ({"delivered": [*GOOD.delivered[:2], (BEN, 3, "yes")], "by_hand": frozenset({1, 2, 3})}, "delivered once"),
        ({"delivered": GOOD.delivered[:2]}, "delivered once"),
        ({"delivered": [*GOOD.delivered, (ANNA, 4, "no")], "sent": [*GOOD.sent, (ANNA, 4, "no")]}, "had decided"),
        ({"by_hand": frozenset({2})}, "had decided"),
        (
            {
                "delivered": [*GOOD.delivered, (DORA, 4, "no")],
                "sent": [*GOOD.sent, (DORA, 4, "no")],
                "by_hand": frozenset({1, 2, 4}),
            },
            "never answered",
        ),
        ({"unsure": 1}, "below the confidence"),
        ({"outcomes": {**GOOD.outcomes, (BEN, 102): None}}, "one outcome"),
        ({"outcomes": {key: value for key, value in GOOD.outcomes.items() if key != (BEN, 102)}}, "one outcome"),
        ({"sent_while_paused": 1}, "while paused"),
        ({"outcomes": {**GOOD.outcomes, (CLEO, 104): "suggested"}}, "while paused"),
        ({"drafted": 0}, "drafted"),
        ({"delivered": GOOD.delivered[:1], "sent": GOOD.sent[:1]}, "two messages"),
    ],
)
def test_each_fault_breaks_the_promise_that_names_it(fault: dict[str, Any], sentence: str) -> None:
    (told,) = broken(replace(GOOD, **fault))
    assert sentence in told


@pytest.mark.parametrize(
    ("figure", "minutes", "holds"),
    [
        ({}, 5.0, True),
        ({"loss_adapter": 3.73}, 5.0, False),
        ({"loss_adapter": 3.73}, 1.0, True),
        ({"pulled": 9_999}, 1.0, False),
        ({"quantization": "none"}, 1.0, False),
        ({"controls": [{}, {}, {}]}, 1.0, False),
    ],
)
def test_the_figures_are_promises_too_and_the_loss_only_after_the_usual_training(
    figure: dict[str, Any], minutes: float, holds: bool
) -> None:
    assert all(promise.held for promise in learned(FIGURES | figure, minutes)) is holds


def test_the_demo_walks_the_whole_road_by_itself_and_keeps_its_promises() -> None:
    """As `make demo ARGS=--hands-off` does, with a few seconds of training."""
    command = [sys.executable, "-m", "bot", "demo", "--hands-off", "--minutes", "0.1", "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOPPELGRAM_")}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["pulled"] >= 10_000
    assert report["quantization"] == "nf4"
    assert len(report["controls"]) >= 4
    assert report["own_gain_interval"][0] <= report["own_gain"] <= report["own_gain_interval"][1]
    assert report["drafted"] >= 1
    assert report["sent"] >= 2
    assert report["duplicates"] == 0
    assert len(report["promises"]) == 10
    assert all(report["promises"].values())
