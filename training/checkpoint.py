"""A training that can be put down and taken up again: adapter, optimizer and position, in safetensors and JSON.

Each checkpoint is a folder written beside its place and renamed, so whatever exists is whole.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor

from data.samples import write_private
from training import ranks
from training.adapter import disk, write_bytes


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


def save(folder: Path, position: Position, parameters: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Write a checkpoint into `folder` and drop the older ones. Raises `UserError` when the disk is full.

    Every rank takes part, and the first one writes.
    """
    weights = {name: ranks.whole(tensor) for name, tensor in parameters.items()}
    state = _flat(optimizer)
    if not ranks.first():
        return
    with disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".checkpoint-", dir=folder))
        try:
            write_bytes(work / "adapter.safetensors", serialize(weights))
            write_bytes(work / "optimizer.safetensors", serialize(state))
            write_private(work / "position.json", json.dumps(asdict(position)))
            target = folder / f"checkpoint-{position.step:09d}"
            if target.exists() and _key_of(target) != position.key:
                shutil.rmtree(target)
            if not target.exists():
                work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    for old in _all(folder):
        if old != target:  # also one of another dataset, whatever its step
            shutil.rmtree(old, ignore_errors=True)
    _drop_unfinished(folder)


def resume(folder: Path, key: str, parameters: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> Position:
    """Load the newest checkpoint with this key into `parameters` and `optimizer`, in place; without one, the start."""
    for place in reversed(_all(folder)):
        position = Position(**json.loads((place / "position.json").read_text()))
        if position.key != key:
            continue
        weights = load_file(place / "adapter.safetensors")
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(ranks.put(parameter, weights[name]))
        _restore(optimizer, list(parameters.values()), load_file(place / "optimizer.safetensors"))
        return position
    return Position(key)


def _key_of(place: Path) -> str:
    return str(json.loads((place / "position.json").read_text())["key"])


def clear(folder: Path) -> None:
    """Delete all checkpoints: the training is finished."""
    for place in _all(folder):
        shutil.rmtree(place)
    _drop_unfinished(folder)


def _drop_unfinished(folder: Path) -> None:
    """What a process left that was killed while it wrote. No other one writes here: one training at a time."""
    for work in folder.glob(".checkpoint-*"):
        shutil.rmtree(work, ignore_errors=True)


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"))


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": ranks.whole(value)
        for index, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def _restore(optimizer: torch.optim.Optimizer, parameters: list[Tensor], flat: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        index, _, name = key.partition(".")
        place = parameters[int(index)]
        state.setdefault(int(index), {})[name] = ranks.put(place, value) if value.shape == place.shape else value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
