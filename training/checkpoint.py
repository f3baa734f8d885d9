"""A training that can be put down and taken up again: weights, optimizer and position, in safetensors and JSON.

Each checkpoint is a folder written beside its place and renamed, so whatever exists is whole.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from data.errors import UserError
from data.samples import write_private
from training import ranks
from training.adapter import disk
from training.optimizer import Learner
from training.position import BEST, OPTIMIZER, POSITION, WEIGHTS, Position, checkpoints, position_of
from training.tensors import write as write_tensors


def save(folder: Path, position: Position, learner: Learner) -> None:
    """Write a checkpoint into `folder` and drop the older ones. Raises `UserError` when the disk is full.

    Every rank takes part, and the first one writes.
    """
    with disk(folder):
        work = _work(folder)
        try:
            write_tensors(work / WEIGHTS, learner.weights)
            write_tensors(work / OPTIMIZER, learner.state())
            if not ranks.first():
                return
            write_private(work / POSITION, json.dumps(asdict(position)))
            target = folder / f"checkpoint-{position.step:09d}"
            if target.exists() and position_of(target).key != position.key:
                shutil.rmtree(target)
            if target.exists():  # of the same step, but perhaps with a measurement more
                write_private(target / POSITION, json.dumps(asdict(position)))
            else:
                work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    for old in checkpoints(folder):
        if old != target:  # also one of another dataset, whatever its step
            shutil.rmtree(old, ignore_errors=True)
    _drop_unfinished(folder)


def resume(folder: Path, key: str, learner: Learner) -> Position:
    """Load the newest checkpoint with this key into `learner`, in place; without one, the start."""
    for place in reversed(checkpoints(folder)):
        position = position_of(place)
        if position.key == key:
            with _undamaged(place):
                learner.restore(load_file(place / WEIGHTS), load_file(place / OPTIMIZER))
            return position
    return Position(key)


def keep_best(folder: Path, position: Position, learner: Learner) -> None:
    """Keep these weights as the best so far, in place of others. Every rank takes part."""
    with disk(folder):
        work = _work(folder)
        try:
            write_tensors(work / WEIGHTS, learner.weights)
            if ranks.first():
                write_private(work / POSITION, json.dumps(asdict(position)))
                shutil.rmtree(folder / BEST, ignore_errors=True)
                work.rename(folder / BEST)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def take_best(folder: Path, key: str, step: int, learner: Learner) -> bool:
    """Go back to the weights that were kept after this step. Whether they are there."""
    place = folder / BEST
    try:
        position = position_of(place)
    except (OSError, ValueError):
        return False
    if (position.key, position.step) != (key, step):
        return False
    with _undamaged(place):
        learner.restore(load_file(place / WEIGHTS), {})
    return True


@contextmanager
def _undamaged(place: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, KeyError, IndexError, ValueError, OSError) as error:
        raise UserError(
            "The training that was interrupted is damaged on the disk.", f"Delete {place}, then run it again."
        ) from error


def clear(folder: Path) -> None:
    """Delete all checkpoints: the training is finished."""
    for place in checkpoints(folder):
        shutil.rmtree(place)
    shutil.rmtree(folder / BEST, ignore_errors=True)
    _drop_unfinished(folder)


def _work(folder: Path) -> Path:
    """A new folder to write into. Ranks other than the first write nothing."""
    if not ranks.first():
        return folder / ".nothing"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".checkpoint-", dir=folder))


def _drop_unfinished(folder: Path) -> None:
    """What a process left that was killed while it wrote. No other one writes here: one training at a time."""
    for work in folder.glob(".checkpoint-*"):
        shutil.rmtree(work, ignore_errors=True)
