"""A report without a model: real code from the replies on, over invented people. Tests look at it in a browser."""

import json
import random
from collections.abc import Sequence

from tests.test_training_evaluation import SMALL, material
from training import report, scores
from training.evaluate import Scored
from training.evaluation import Evaluation, Replies
from training.material import Material
from training.measures import likelihood, probes
from training.measures.interval import spread
from training.measures.likelihood import Window

LONG = "rhabarberbarbara" * 20
"""A word that fits on no phone."""


def paper_report(some: Material | None = None) -> str:
    """The page. Somebody else's replies stand in the twin's place."""
    some, chance = some or material(), random.Random(1)
    contexts = spread(some.held_out, SMALL.pairs, 1)
    twin = [(LONG,), *(each.reply for each in some.peers)][: len(contexts)]
    base = [("i am sorry about the lamp. How can I help you today?",)] * len(contexts)
    conditions = [*likelihood.conditions(some.past, 100, 1), "adapter", "adapter, history shuffled"]
    bits = likelihood.compare(some.windows, {name: _scored(some.windows, chance) for name in conditions}, 1)
    events = {"recall": probes.Share(2, 8), "stale": probes.Share(1, 6), "leak": probes.Share(0, 6)}
    facts = {20: probes.Share(1, 2), 200: probes.Share(0, 2)}
    found = Evaluation(
        SMALL,
        1,
        bits,
        Replies(contexts, twin, base, {likelihood.RIVALS[0]: base}, {"twin": 0.8, "base": 1.0}),
        (contexts[:3], [[("yep",), ("nope",), ("haha",)]] * 3),
        {"twin": events, "base": events},
        {"twin": facts, "base": facts},
    )
    scored = json.loads(json.dumps(scores.scores(some, found)))
    losses = [(step, 4 - step / 30) for step in range(1, 60)]
    return report.html(scored, found, name="me", base="smollm2", made="today", losses=losses)


def _scored(windows: Sequence[Window], chance: random.Random) -> list[Scored]:
    return [
        Scored(
            dialog_id=window.sample.dialog_id,
            text_nll=9 + chance.random(),
            text_tokens=4,
            format_nll=1.0,
            format_tokens=1,
            characters=12,
            turns=(),
        )
        for window in windows
    ]
