"""One training on several GPUs: each process (a rank) holds a share of the weights and computes a share of each step.

`torchrun` starts one process per GPU with the same command. The weights are sharded layer by layer with torch's FSDP2;
each optimizer step is the same as that of one process: its windows are dealt out over the ranks, gradients and losses
are summed, and the mean is over the loss tokens of all ranks. Without `torchrun` everything here does nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from training.loss import token_losses
from training.model import LanguageModel
from training.packing import MicroBatch, micro_batches

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others: loading a large base from a slow disk takes minutes."""


@contextmanager
def group() -> Iterator[None]:
    """Within this context the processes that `torchrun` started work together: over NCCL on GPUs, else over gloo."""
    if not distributed.is_torchelastic_launched() or distributed.is_initialized():
        yield
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(distributed.get_node_local_rank())
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield
        distributed.barrier()  # nobody leaves while another still needs an answer
    finally:
        distributed.destroy_process_group()


def several() -> bool:
    """Whether this process works with others."""
    return distributed.is_available() and distributed.is_initialized()


def count() -> int:
    """How many work together."""
    return distributed.get_world_size() if several() else 1


def first() -> bool:
    """Whether this process writes the files and speaks. Alone it is the first."""
    return not several() or distributed.get_rank() == 0


def alike(value: Any) -> Any:
    """The first rank's value, on every rank: what depends on time, chance or a key press must not differ."""
    if not several():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0, device=_device())
    return box[0]


def anywhere(flag: bool) -> bool:
    """Whether it is so on any rank."""
    return total(float(flag)) > 0


def total(value: float) -> float:
    """The sum over all ranks."""
    if not several():
        return value
    tensor = torch.tensor(value, dtype=torch.float64, device=_device())
    distributed.all_reduce(tensor)
    return float(tensor)


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else _CPU


_CPU = torch.device("cpu")


class Losses(nn.Module):
    """The weighted loss of a micro-batch as one module, so that its parameters are there for decoder and head alike."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.causal = model.causal
        self._model = [model]  # in a list: a module's attributes are otherwise searched for parameters

    def forward(self, batch: MicroBatch, format_weight: float) -> Tensor:
        """Nats, summed over the tokens with loss, each as much as it counts."""
        return token_losses(self._model[0], batch).weighted(format_weight)


def shard(model: LanguageModel) -> Losses:
    """The loss of this network. With several ranks each keeps only its share of the network from now on."""
    losses = Losses(model)
    if several():
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(_device().type, (distributed.get_world_size(),))
        for layer in model.decoder.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(losses, mesh=mesh)
    return losses


def reshard(losses: Losses) -> None:
    """Keep only this rank's share again. A backward pass ends so; after a forward pass alone what is around the layers
    lies there whole, and would be taken for the weights."""
    if several():
        sharded: Any = losses  # FSDP2 has given it another class
        sharded.reshard()


def share(batches: Sequence[MicroBatch], tokens: int) -> list[tuple[MicroBatch, float]]:
    """This rank's part of a step, in rows of at most `tokens` tokens, each with what its loss is multiplied by.

    FSDP takes the mean of the gradients over the ranks where the sum is wanted, hence the number of ranks. Each rank
    must compute equally many rows, so one that has fewer computes a row that counts nothing.
    """
    if not several():
        return [(batch, 1.0) for batch in batches]
    count = distributed.get_world_size()
    parts = deal(batches, count, tokens)
    mine, rounds = parts[distributed.get_rank()], max(len(part) for part in parts)
    nothing = MicroBatch((min((w for batch in batches for w in batch.windows), key=lambda w: len(w.ids)),))
    return [(batch, float(count)) for batch in mine] + [(nothing, 0.0)] * (rounds - len(mine))


def deal(batches: Sequence[MicroBatch], count: int, tokens: int) -> list[list[MicroBatch]]:
    """The windows of a step in `count` parts of about equally many tokens, each packed into rows. The same on every
    rank."""
    windows = sorted((window for batch in batches for window in batch.windows), key=lambda window: -len(window.ids))
    parts: list[list[Any]] = [[] for _ in range(count)]
    for window in windows:
        min(parts, key=lambda part: sum(len(each.ids) for each in part)).append(window)
    return [micro_batches(part, tokens) for part in parts]


def whole(tensor: Tensor) -> Tensor:
    """The tensor with the shares of all ranks, in the CPU's memory. Every rank must ask."""
    gathered = tensor.detach()
    if several() and hasattr(gathered, "full_tensor"):
        gathered = gathered.full_tensor()
    return gathered.cpu().contiguous()


def put(target: Any, values: Tensor) -> Tensor:
    """`values`, whole, as the share of them that lies on this rank where `target` has its own."""
    if several() and hasattr(target, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(values.to(target.device), target.device_mesh, target.placements)
    return values
