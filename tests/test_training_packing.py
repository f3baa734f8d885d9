"""Packing: every window once, rows that are nearly full, other neighbours each epoch."""

import random

from tests import training_models as models
from training import packing, schedule
from training.encode import Encoded, Encoder, Kind
from training.schedule import TrainOptions


def window(length: int, loss: int = 1) -> Encoded:
    return Encoded((0,) * length, (Kind.CONTEXT,) * (length - loss) + (Kind.TEXT,) * loss, (0,) * length, 1)


def test_each_window_is_in_exactly_one_micro_batch_within_the_token_budget() -> None:
    encoder = Encoder(models.tokenizer())
    windows = [encoder.sample(sample, 4096) for sample in models.windows(20)]
    for seed in (None, 1, 2):
        batches = packing.micro_batches(windows, 400, seed)
        assert sorted(map(id, (w for b in batches for w in b.windows))) == sorted(map(id, windows))
        assert all(batch.tokens <= 400 for batch in batches)
    assert packing.micro_batches(windows, 400, 1) == packing.micro_batches(windows, 400, 1)
    assert packing.micro_batches(windows, 400, 1) != packing.micro_batches(windows, 400, 2)


def test_rows_are_nearly_full_and_neighbours_change_with_the_seed() -> None:
    chance = random.Random(3)
    windows = [window(min(900, 1 + int(chance.lognormvariate(4.3, 1.0)))) for _ in range(2000)]
    tokens = sum(len(each.ids) for each in windows)
    for seed in (None, 1):
        rows = packing.micro_batches(windows, 1024, seed)
        assert tokens / (1024 * len(rows)) > 0.97
    first, second = (packing.micro_batches(windows, 1024, seed)[0].windows for seed in (1, 2))
    assert len({id(each) for each in first} & {id(each) for each in second}) <= 2


def test_each_epoch_packs_the_same_windows_anew() -> None:
    chance = random.Random(4)
    windows = [window(chance.randint(1, 150)) for _ in range(60)]
    options = TrainOptions(epochs=2, micro_batch_tokens=200)
    first, again, second = (schedule.plan(windows, options, epoch) for epoch in (0, 0, 1))
    assert first == again, "so that a resumed training goes on with the same steps"
    rows = [[frozenset(map(id, row.windows)) for step in plan for row in step] for plan in (first, second)]
    assert all(sorted(each for row in plan for each in row) == sorted(map(id, windows)) for plan in rows)
    assert len(set(rows[0]) & set(rows[1])) < len(rows[0]) / 4


def test_halves_hold_the_same_windows_and_about_half_the_tokens_each() -> None:
    row = packing.MicroBatch(tuple(window(length) for length in (50, 3, 20, 40, 7)))
    halves = row.halves()
    assert sorted(id(each) for half in halves for each in half.windows) == sorted(id(each) for each in row.windows)
    assert [half.tokens for half in halves] == [60, 60]
    alone = packing.MicroBatch((window(9),))
    assert alone.halves() == (alone,)


def test_an_epoch_begins_with_windows_rich_in_own_words_and_still_holds_every_window() -> None:
    """By a large margin on average, not always: the order is random."""
    batches = [packing.MicroBatch((window(100, loss),)) for loss in range(1, 100)]
    ordered = packing.rich_first(batches, seed=1)
    assert sorted(each.loss_tokens for each in ordered) == list(range(1, 100))
    first, last = ordered[:33], ordered[-33:]
    assert sum(each.loss_tokens for each in first) > 1.5 * sum(each.loss_tokens for each in last)
    assert [each.loss_tokens for each in ordered] != sorted(range(1, 100), reverse=True)
    assert packing.rich_first(batches, seed=2) != ordered
