"""How a training computes its steps on the machine at hand: by the memory formula of `fit`. Without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import UserError
from training.fit import (
    MODES,
    RANK,
    RESERVE,
    ROW_TOKENS,
    Averages,
    Checkpointing,
    Method,
    averages_of,
    peak,
    shape_of,
    ways,
)
from training.machine import Machine
from training.work import Work


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
    work: Work,
    *,
    rank: int = RANK,
    ranks: int = 1,
    fixed: bool = False,
) -> Way:
    """The quickest way that fits the memory, with up to `most` tokens at a time; `fixed`: exactly so many, and no
    quicker one than without, so that fewer tokens never take more memory. The longest window is computed whole.

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
            max(size, work.context),
            stream=2 if machine.gpu else 4,
            rank=rank,
            loss_share=work.loss_share,
            checkpointing=mode,
            by_document=not machine.gpu,
            averages=averages,
            ranks=ranks,
        )
        return needs.total <= room

    def quickest(tried: list[tuple[int, Checkpointing]]) -> tuple[int, Checkpointing]:
        return next((each for each in tried if fits(*each)), tried[-1])

    size, mode = quickest(ways(ROW_TOKENS["cuda" if machine.gpu else "cpu"] if fixed else most))
    if fixed:
        size, mode = quickest([(most, mode) for mode in MODES[MODES.index(mode) :]])
    return Way(size, mode, averages)
