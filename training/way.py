"""How a training computes its steps on the machine at hand: by the memory formula of `fit`. Without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import UserError
from training.fit import MODES, RANK, RESERVE, Averages, Checkpointing, Method, averages_of, peak, shape_of, ways
from training.machine import Machine


@dataclass(frozen=True, slots=True)
class Way:
    """Tokens computed at a time, the layers whose activations are computed twice, and how AdamW keeps its averages."""

    at_once: int
    checkpointing: Checkpointing = "off"
    averages: Averages = "fp32"


def choose(
    config: Mapping[str, Any],
    method: Method,
    machine: Machine,
    most: int,
    *,
    rank: int = RANK,
    ranks: int = 1,
    fixed: bool = False,
) -> Way:
    """The quickest way that fits the memory, with up to `most` tokens at a time; `fixed`: exactly so many.

    `config` is that of the loaded model; of an architecture that is not known nothing is computed twice. They
    are tried in the order of `fit.ways`; what fits in no way is tried in the last one.
    """
    try:
        shape = shape_of(config)
    except UserError:
        return Way(most)
    room = machine.memory * (1 - RESERVE)
    averages = averages_of(shape, method, machine, rank, ranks)

    def fits(size: int, mode: Checkpointing) -> bool:
        needs = peak(
            shape,
            method,
            size,
            stream=2 if machine.gpu else 4,
            rank=rank,
            checkpointing=mode,
            by_document=not machine.gpu,
            averages=averages,
            ranks=ranks,
        )
        return needs.total <= room

    tried = [(most, mode) for mode in MODES] if fixed else ways(most)
    size, mode = next((each for each in tried if fits(*each)), tried[-1])
    return Way(size, mode, averages)
