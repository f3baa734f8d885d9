"""How far a training has come, and where that lies on the disk. Knows no tensors, so that a training which comes from
another machine is looked at without them.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

BEST = "best"
"""The folder of the weights that were best on validation, beside the checkpoints."""
WEIGHTS, OPTIMIZER, POSITION = "weights.safetensors", "optimizer.safetensors", "position.json"
PARTS = re.compile(rf"checkpoint-[0-9]{{9}}/({WEIGHTS}|{OPTIMIZER}|{POSITION})|{BEST}/({WEIGHTS}|{POSITION})")
"""The files of an unfinished training, in its folder."""
_LARGEST = 1_000_000
"""Bytes of a position: one measurement is some 30."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a training has come. `key` names what it trains on, the dataset's hash first: a checkpoint with another
    key is not taken up."""

    key: str
    step: int = 0
    epoch: int = 0
    step_of_epoch: int = 0
    seconds: float = 0.0
    tokens: int = 0
    loss_tokens: int = 0
    validation: tuple[tuple[int, float], ...] = ()
    """After which step what loss was measured on the validation set."""


def position_of(place: Path) -> Position:
    """That of one checkpoint. Raises OSError or ValueError where there is none that can be read."""
    file = place / POSITION
    if file.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        validation = tuple((_count(step), float(loss)) for step, loss in values.pop("validation", ()))
        key, seconds = values.pop("key"), _number(values.pop("seconds", 0.0))
        counts = {name: _count(value) for name, value in values.items()}
        return Position(key=str(key), seconds=seconds, validation=validation, **counts)
    except (TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError("it says something else") from error


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError("a count is none")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError("a number is none")
    return float(value)  # type: ignore[arg-type]


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a training, the newest last."""
    return sorted(folder.glob("checkpoint-*"))


def newest(folder: Path) -> Position | None:
    """How far the training has come that lies here; None where that cannot be read."""
    try:
        return position_of(checkpoints(folder)[-1])
    except (IndexError, OSError, ValueError):
        return None


def has(folder: Path, key: str) -> bool:
    """Whether there is a checkpoint with this key."""
    return any(position_of(place).key == key for place in checkpoints(folder))


def is_whole(folder: Path, dataset: str) -> bool:
    """Whether an unfinished training of the dataset with this hash lies here, with all that is needed to go on: of what
    comes from elsewhere nobody knows."""
    found, best = checkpoints(folder), [*folder.glob(BEST)]
    try:
        positions = [position_of(place) for place in (*found, *best)]
    except (OSError, ValueError):
        return False
    needed = [place / name for place in found for name in (WEIGHTS, OPTIMIZER)] + [place / WEIGHTS for place in best]
    ours = all(each.key.startswith(f"{dataset}-") for each in positions)
    return bool(found) and ours and all(path.exists() for path in needed)


def parts(folder: Path) -> list[Path]:
    """The files of the unfinished training that lies here."""
    return [path for path in sorted(folder.glob("*/*")) if PARTS.fullmatch(path.relative_to(folder).as_posix())]
