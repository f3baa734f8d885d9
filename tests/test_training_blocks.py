"""Two processes read a large part of a dataset as one does, and no helper outlives it."""

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from data.errors import UserError
from data.samples import Sample
from tests import training_models as models
from training import blocks
from training.encode import Encoded, Encoder
from training.lines import AT_ONCE, Lines

SPLITS = ("train", "validation")
MOST = 60
"""Tokens; some windows have more."""


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(models.tokenizer())


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two parts. A helper has what comes after two blocks of the first, from the beginning of a line."""
    said = [((False, f"are you there, {n}?"), (True, "yes " * (n % 70))) for n in range(3 * AT_ONCE + 50)]
    lines = [f"{Sample(7, models.chat(each)).to_json()}\n" for each in said]
    (tmp_path / "train.jsonl").write_text("".join(lines[:-20]))
    (tmp_path / "validation.jsonl").write_text("".join(lines[-20:]))
    monkeypatch.setattr(blocks, "MEANWHILE", 2 * sum(map(len, lines[: 2 * AT_ONCE])) - sum(map(len, lines)))
    return tmp_path


def answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows a helper has sent each time; 0 where it is gone."""
    came: list[int] = []

    def answer(helper: Any) -> Any:
        some = take(helper)
        came.append(len(some or ()))
        return some

    take = blocks._answer
    monkeypatch.setattr(blocks, "_answer", answer)
    return came


def test_a_helper_encodes_the_end_as_this_process_does(
    encoder: Encoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = answers(monkeypatch)
    alone = list(blocks.encode(encoder, dataset, SPLITS, MOST))
    assert [split for split, _ in alone] == ["train"] * (3 * AT_ONCE + 30) + ["validation"] * 20
    assert not came, "so small a dataset is read by one process"
    assert list(blocks.encode(encoder, dataset, SPLITS, MOST, helped=True)) == alone
    assert came == [AT_ONCE, 30, 20]
    assert not multiprocessing.active_children()


def lost(pipe: Any, lines: Lines, dataset: Path, stretches: Any) -> None:
    """A helper that is killed after its first block."""
    _, block = next(blocks._blocks(dataset, stretches))
    pipe.send(lines.windows(map(json.loads, block)))
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_lost_helper_leaves_this_process_encodes_and_finds_what_is_wrong(
    encoder: Encoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = list(blocks.encode(encoder, dataset, SPLITS, MOST))
    with (dataset / "validation.jsonl").open("a") as file:
        file.write('{"dialog":7,\n')
    monkeypatch.setattr(blocks, "_help", lost)
    came = answers(monkeypatch)
    found: list[tuple[str, Encoded]] = []
    with pytest.raises(UserError, match="validation part cannot be read"):
        found.extend(blocks.encode(encoder, dataset, SPLITS, MOST, helped=True))
    assert came == [AT_ONCE, 0, 0]
    assert found == alone[:-20]
    assert not multiprocessing.active_children()
