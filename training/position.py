"""How far a training has come, and where that lies on the disk. Knows no tensors, so that a training which comes from
another machine is looked at without them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

BEST = "best"
"""The folder of the weights that were best on validation, beside the checkpoints."""
WEIGHTS, OPTIMIZER, POSITION = "weights.safetensors", "optimizer.safetensors", "position.json"
PARTS = re.compile(rf"checkpoint-\d{{9}}/({WEIGHTS}|{OPTIMIZER}|{POSITION})|{BEST}/({WEIGHTS}|{POSITION})")
"""The files of an unfinished training, in its folder."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a training has come. `key` names what it trains on: a checkpoint with another key is not taken up."""

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
    values = json.loads((place / POSITION).read_text(encoding="utf-8"))
    try:
        values["validation"] = tuple((int(step), float(loss)) for step, loss in values.get("validation", ()))
        numbers = {name: value for name, value in values.items() if name not in ("key", "validation")}
        if not all(isinstance(value, int | float) for value in numbers.values()):
            raise ValueError("a number is none")
        return Position(**values)
    except (TypeError, AttributeError) as error:
        raise ValueError("it says something else") from error


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a training, the newest last."""
    return sorted(folder.glob("checkpoint-*"))


def is_whole(folder: Path) -> bool:
    """Whether an unfinished training lies here that can be gone on with: of what comes from elsewhere nobody knows."""
    found = checkpoints(folder)
    try:
        for place in (*found, *folder.glob(BEST)):
            position_of(place)
    except (OSError, ValueError):
        return False
    return bool(found) and all((place / name).exists() for place in found for name in (WEIGHTS, OPTIMIZER))


def parts(folder: Path) -> list[Path]:
    """The files of the unfinished training that lies here."""
    return [path for path in sorted(folder.glob("*/*")) if PARTS.fullmatch(path.relative_to(folder).as_posix())]
