"""Two processes read a large part of a dataset as one does, and no helper outlives it."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from data.samples import Sample
from tests import training_models as models
from training import blocks
from training.encode import Encoded, Encoder
from training.lines import AT_ONCE

MOST = 60
"""Tokens; some windows have more."""


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(models.tokenizer())


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some blocks. A helper has the last two, from the beginning of a line."""
    said = [((False, f"are you there, {n}?"), (True, "yes " * (n % 70))) for n in range(3 * AT_ONCE + 50)]
    path = tmp_path / "train.jsonl"
    lines = [f"{Sample(7, models.chat(each)).to_json()}\n" for each in said]
    path.write_text("".join(lines))
    monkeypatch.setattr(blocks, "MEANWHILE", 2 * sum(map(len, lines[: 2 * AT_ONCE])) - path.stat().st_size)
    return path


def test_a_helper_encodes_the_end_as_this_process_does(
    encoder: Encoder, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[int] = []

    def answer(helper: Any) -> Any:
        came.append(len(some := take(helper)))
        return some

    take = blocks._answer
    monkeypatch.setattr(blocks, "_answer", answer)
    alone = list(blocks.encode(encoder, part, MOST))
    assert (len(alone), came) == (3 * AT_ONCE + 50, []), "so small a part is read by one process"
    assert list(blocks.encode(encoder, part, MOST, helped=True)) == alone
    assert came == [AT_ONCE, 50]
    assert not multiprocessing.active_children()


def test_what_a_lost_helper_leaves_this_process_encodes_and_finds_what_is_wrong(encoder: Encoder, part: Path) -> None:
    alone = list(blocks.encode(encoder, part, MOST))
    with part.open("a") as file:
        file.write('{"dialog":7,\n')
    windows = blocks.encode(encoder, part, MOST, helped=True)
    found: list[Encoded] = [next(windows)]
    (helper,) = multiprocessing.active_children()
    helper.kill()
    with pytest.raises(ValueError, match="unexpected end of data"):
        found.extend(windows)
    assert found == alone[: len(found)]
    assert len(found) >= 3 * AT_ONCE
    assert not multiprocessing.active_children()
