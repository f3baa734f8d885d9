"""The screen of the training's choices: what differs between its arms, and that a finished arm is kept."""

import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import screen
from bench.screen import ARMS, UNTUNED, Arm, Sets, Size
from data.samples import Sample
from tests import training_models as models
from training.encode import CONTEXT_TOKENS, Encoded, Encoder, Kind

SMALL = Size(tokens=1500, held_out=4, chats=5)


@cache
def sets() -> Sets:
    return screen.corpus(SMALL)


def encoded(some: list[Sample]) -> list[Encoded]:
    return list(Encoder(models.tokenizer()).samples(some, CONTEXT_TOKENS))


def text(window: Encoded) -> list[int]:
    return [i for i, kind in zip(window.ids, window.kinds, strict=True) if kind == Kind.TEXT]


def test_each_arm_differs_from_the_baseline_in_one_thing() -> None:
    assert ARMS["baseline"] == Arm()
    for name, arm in ARMS.items():
        changed = [key for key, value in asdict(arm).items() if value != asdict(Arm())[key]]
        assert len(changed) == (name != "baseline")


def test_short_held_out_windows_hold_the_same_words_of_the_owner_as_long_ones() -> None:
    long, short = (encoded(sets().validation[length]) for length in (1024, 256))
    assert len(long) == SMALL.held_out < len(short)
    assert sorted(i for window in long for i in text(window)) == sorted(i for window in short for i in text(window))


@pytest.mark.parametrize("name", ["baseline", "all speakers", "window 256", "3 epochs"])
def test_an_arm_gets_the_tokens_it_was_promised_and_no_window_that_is_longer_than_its_longest(name: str) -> None:
    arm = ARMS[name]
    tokens = SMALL.tokens // arm.epochs
    windows = screen.chosen(models.tiny(), sets().train[arm.window_tokens], arm, 1, tokens)
    lengths = [len(window.ids) for window in windows]
    assert tokens - arm.window_tokens < sum(lengths) <= tokens
    assert max(lengths) <= arm.window_tokens


def test_all_speakers_means_the_words_of_both_sides_and_nothing_but_words_and_turn_ends() -> None:
    encoder = Encoder(models.tokenizer())
    sample = Sample(7, models.chat())
    own = encoder.sample(sample, CONTEXT_TOKENS)
    everyone = screen.everyones(encoder, sample, own)
    last = max(place for place, (mine, _) in enumerate(models.CHAT) if mine)
    said = "".join(line for _, line in models.CHAT[: last + 1])
    assert (everyone.ids, encoder.decode(text(everyone))) == (own.ids, said)
    assert all(kind == both for kind, both in zip(own.kinds, everyone.kinds, strict=True) if kind)
    assert everyone.kinds.count(Kind.CONTEXT) > 0


def test_what_is_finished_is_not_computed_again_and_what_is_missing_comes_out_the_same(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    out = tmp_path / "rows.jsonl"
    screen.screen(models.tiny(), sets(), out, [1], SMALL)
    lines = out.read_text().splitlines()
    assert [json.loads(line)["arm"] for line in lines] == [*ARMS, UNTUNED]
    out.write_text("\n".join(lines[:-2] + lines[-1:]) + "\n")
    screen.screen(models.tiny(), sets(), out, [1], SMALL)
    *kept, again = out.read_text().splitlines()
    assert kept == lines[:-2] + lines[-1:]
    assert read_again(again) == read_again(lines[-2])
    assert list(screen.missing(out, [1], SMALL)) == []
    assert list(screen.missing(out, [1], replace(SMALL, tokens=9)))[:1] == [("baseline", 1)]


def read_again(line: str) -> Any:
    row = json.loads(line)
    return row["arm"], row["held_out"]


def test_differences_are_between_equal_seeds_on_the_same_windows() -> None:
    def row(name: str, seed: int, nll: list[float]) -> dict[str, Any]:
        return {"arm": name, "seed": seed, "held_out": {"1024": {"nll": nll, "tokens": [10, 30]}}}

    rows = [row("baseline", 1, [30, 90]), row("baseline", 2, [34, 90]), row("rank 8", 2, [30, 86])]
    found = screen.summary(rows, SMALL)["arms"]
    assert found["baseline"]["1024"] == {"losses": {1: 3.0, 2: 3.1}, "loss": 3.05}
    assert found["rank 8"]["1024"]["differences"] == [pytest.approx(-0.2)]
    assert found["rank 8"]["1024"]["difference"] == pytest.approx(-0.2)
    low, high = found["rank 8"]["1024"]["interval"]
    assert (low, high) == (pytest.approx(-0.4), pytest.approx(-4 / 30))


def test_the_table_of_the_choices_is_that_of_the_rows() -> None:
    docs = Path(__file__).parents[1] / "docs"
    rows = screen.rows_of(docs / "benchmarks" / "screen.jsonl", Size())
    for line in screen.table(screen.summary(rows, Size())):
        assert line in (docs / "choices.md").read_text(encoding="utf-8").splitlines()
