"""A training that is killed, runs out of memory or fills the disk goes on as if nothing had been."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from data.errors import UserError
from tests import training_models as models
from training import checkpoint, shortage, train
from training.fit import Method
from training.loop import CHECKPOINT_SECONDS
from training.schedule import TrainOptions

TINY = TrainOptions(
    max_steps=8, rank=4, alpha=8, learning_rate=5e-3, micro_batch_tokens=128, warmup_loss_tokens=100, dropout=0.1
)
LARGE = replace(TINY, max_steps=2, micro_batch_tokens=10**6)
"""All windows in one micro-batch."""
HALF = 380 << 20
"""Bytes that hold half of it, which needs between 200 and 250 MiB, and not the whole, which needs more than 550."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.dataset(tmp_path_factory.mktemp("data") / "dataset", models.windows(24))


def child(trouble: str, dataset: Path, out: Path, options: TrainOptions, number: int) -> "Child":
    one_heap = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # each further one takes 64 MiB out of a limit
    words = [sys.executable, "-m", "tests.child_train", trouble, str(dataset), str(out), json.dumps(asdict(options))]
    here = Path(__file__).parents[1]
    done = subprocess.run([*words, str(number)], capture_output=True, text=True, cwd=here, env=one_heap)
    return Child(done.returncode, [float(line) for line in done.stdout.splitlines()], done.stderr)


class Child:
    def __init__(self, code: int, losses: list[float], err: str) -> None:
        self.code, self.losses, self.err = code, losses, err


@pytest.mark.parametrize(("trouble", "method"), [("kill", "lora"), ("tear", "lora"), ("kill", "full")])
def test_a_training_that_was_killed_goes_on_with_the_losses_of_an_undisturbed_one(
    trouble: str, method: Method, dataset: Path, tmp_path: Path
) -> None:
    """Between two checkpoints, and within the writing of one: the last whole one stands, and nothing else is left."""
    options = replace(TINY, method=method)
    whole = train.train(models.tiny(), dataset, tmp_path / "whole", options)
    killed = child(trouble, dataset, tmp_path / "me", options, 5)
    assert killed.code == -9, killed.err
    (saved,) = (tmp_path / "me").glob("checkpoint-*")
    step = int(saved.name.removeprefix("checkpoint-"))
    assert 0 < step < len(killed.losses) < 8, "a step was lost"
    rest = train.train(models.tiny(), dataset, tmp_path / "me", options)
    assert killed.losses == pytest.approx(whole.losses[: len(killed.losses)], rel=1e-5)
    assert rest.losses == pytest.approx(whole.losses[step:], rel=1e-5)
    left, wanted = ({path.name for path in (tmp_path / name).iterdir()} for name in ("me", "whole"))
    assert left == wanted


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train.train(models.tiny(), dataset, tmp_path / "whole", TINY)
    write, written = checkpoint.write_tensors, list[Path]()

    def full(place: Path, tensors: dict[str, Any]) -> None:
        written.append(place)
        if len(written) == 4:  # the second half of the second checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        write(place, tensors)

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    assert CHECKPOINT_SECONDS <= 240, "with a step of a minute on top at most five minutes are lost"
    ticks = iter(range(0, 10**9, int(CHECKPOINT_SECONDS)))
    with pytest.raises(UserError, match="disk is full") as caught:
        train.train(models.tiny(), dataset, tmp_path / "me", TINY, now=lambda: float(next(ticks)))
    assert "same command again" in (caught.value.hint or "")
    assert [path.name for path in (tmp_path / "me").iterdir()] == ["checkpoint-000000001"]
    rest = train.train(models.tiny(), dataset, tmp_path / "me", TINY)
    assert rest.losses == pytest.approx(whole.losses[1:], rel=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that holds")
def test_memory_that_holds_half_a_micro_batch_is_enough_and_less_is_a_sentence(dataset: Path, tmp_path: Path) -> None:
    options = replace(LARGE, dropout=0.0)
    with models.fp32():
        whole = train.train(models.tiny(), dataset, tmp_path / "whole", options)
    enough = child("memory", dataset, tmp_path / "enough", options, HALF)
    assert enough.code == 0, enough.err
    assert enough.losses == pytest.approx(whole.losses, rel=1e-4)
    less = child("memory", dataset, tmp_path / "less", options, HALF // 4)
    assert less.code == 1
    assert less.err.startswith("The memory ran out at step 0, with half the tokens at a time too.")
    assert "--micro-batch-tokens 250000" in less.err
    assert [path.name for path in (tmp_path / "less").glob("checkpoint-*")] == ["checkpoint-000000000"]
    with models.fp32():
        rest = train.train(models.tiny(), dataset, tmp_path / "less", options)
    assert rest.losses == pytest.approx(whole.losses, rel=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that holds")
def test_memory_that_runs_out_in_the_optimizer_is_a_sentence_and_loses_no_more_than_a_checkpoint_ago(
    dataset: Path, tmp_path: Path
) -> None:
    options = replace(TINY, method="full", max_steps=6, dropout=0.0)
    language = models.tiny()
    language.causal.bfloat16()
    whole = train.train(language, dataset, tmp_path / "whole", options)
    short = child("step", dataset, tmp_path / "me", options, 4)
    assert short.code == 1, short.err
    assert short.err.startswith("The memory ran out at step 3, in the optimizer.")
    assert "goes on from its last checkpoint" in short.err
    (saved,) = (tmp_path / "me").glob("checkpoint-*")
    step = int(saved.name.removeprefix("checkpoint-"))
    assert 0 < step <= 3
    language = models.tiny()
    language.causal.bfloat16()
    rest = train.train(language, dataset, tmp_path / "me", options)
    assert [*short.losses[:step], *rest.losses] == pytest.approx(whole.losses, rel=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that holds")
def test_memory_that_does_not_hold_what_the_optimizer_keeps_is_told_before_the_first_step(
    dataset: Path, tmp_path: Path
) -> None:
    short = child("hold", dataset, tmp_path / "me", replace(TINY, method="full"), 0)
    assert short.code == 1, short.err
    assert short.err.startswith("The memory does not hold the model and what training keeps beside it.")
    assert "--method qlora" in short.err


def test_every_way_in_which_torch_says_that_memory_ran_out_is_known() -> None:
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("could not create a primitive"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
    ):
        assert shortage.is_meant(error), error
    assert not shortage.is_meant(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not shortage.is_meant(ValueError("out of memory"))
