"""AdamW over what a training learns: fused, or with averages in 8 bit where memory is short.

LoRA's weights are fp32. A whole network in half precision would lose most steps to rounding (a step of 2e-5 on a weight
of 0.02 is less than bf16 can tell), so it learns on fp32 copies, as in mixed-precision training (Micikevicius et al.,
2018). Everything a step needs is there before the first one: memory that does not hold it ends a training that has
nothing to lose.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from data.errors import ExitCode, UserError
from training import ranks
from training.fit import Averages

HALF = (torch.bfloat16, torch.float16)
_FUSED = ("cpu", "cuda", "mps", "xpu")


class Learner:
    """The weights that are learned, and the optimizer that steps on them."""

    def __init__(self, parameters: Mapping[str, Tensor], rate: float, averages: Averages = "fp32") -> None:
        """`parameters` are the network's. Raises `UserError` where averages in 8 bit need a package that is not
        here."""
        self.parameters = dict(parameters)
        self.weights = {name: _copy(each) if each.dtype in HALF else each for name, each in parameters.items()}
        """What is stepped on: the parameters themselves, or their copies in fp32."""
        self.optimizer = _adamw(list(self.weights.values()), rate, averages)
        _reserve(self.optimizer)
        if any(self.weights[name] is not each for name, each in self.parameters.items()):
            self.optimizer.register_step_pre_hook(self._take)
            self.optimizer.register_step_post_hook(self._give)

    def _take(self, *_: Any) -> None:
        """The gradients, in fp32. One after the other, so that both kinds are there of one weight alone."""
        for name, parameter in self.parameters.items():
            if parameter.grad is not None and self.weights[name] is not parameter:
                self.weights[name].grad = parameter.grad.float()
                parameter.grad = None

    def _give(self, *_: Any) -> None:
        for name, weight in self.weights.items():
            if weight is not self.parameters[name]:
                weight.grad = None
        self.publish()

    @torch.no_grad()
    def publish(self) -> None:
        """Have the network use what was learned."""
        for name, parameter in self.parameters.items():
            if self.weights[name] is not parameter:
                parameter.copy_(self.weights[name])

    def state(self) -> dict[str, Tensor]:
        """The optimizer's state as tensors by name, each this rank's share; counters too."""
        return {
            f"{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
            for index, weight in enumerate(self.weights.values())
            for name, value in self.optimizer.state[weight].items()
        }

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
        """Go on from saved weights and a saved state, both whole."""
        for name, weight in self.weights.items():
            weight.copy_(ranks.put(weight, weights[name]))
        learned = list(self.weights.values())
        for key, value in state.items():
            index, _, name = key.partition(".")
            kept = self.optimizer.state[learned[int(index)]]
            if isinstance(kept[name], Tensor):
                kept[name].copy_(ranks.put(kept[name], value))
            else:
                kept[name] = value.item()
        self.publish()


def _copy(parameter: Tensor) -> Tensor:
    return parameter.detach().float().requires_grad_()


def _adamw(weights: list[Tensor], rate: float, averages: Averages) -> torch.optim.Optimizer:
    if averages == "8bit":
        try:
            from bitsandbytes.optim import AdamW8bit, PagedAdamW8bit
        except ImportError as error:
            raise UserError(
                "An optimizer in 8 bit needs the package bitsandbytes.",
                "Run: pip install 'bitsandbytes>=0.50', or choose a smaller base with --base.",
                ExitCode.CONFIGURATION,
            ) from error
        paged = all(weight.device.type == "cuda" for weight in weights)  # the driver moves pages out where they crowd
        kind: Any = PagedAdamW8bit if paged else AdamW8bit
        optimizer: torch.optim.Optimizer = kind(weights, lr=rate, weight_decay=0.0)
        return optimizer
    fused = all(weight.device.type in _FUSED for weight in weights)
    return torch.optim.AdamW(weights, lr=rate, weight_decay=0.0, fused=fused, foreach=False)


@torch.no_grad()
def _reserve(optimizer: Any) -> None:
    """Make the averages that each kind makes at its first step."""
    if hasattr(optimizer, "init_state"):  # bitsandbytes
        for group_index, group in enumerate(optimizer.param_groups):
            for index, weight in enumerate(group["params"]):
                optimizer.init_state(group, weight, group_index, index)
        return
    for group in optimizer.param_groups:
        for weight in group["params"]:
            device = weight.device if group["fused"] else torch.device("cpu")
            optimizer.state[weight] = {
                "step": torch.zeros((), dtype=torch.float32, device=device),
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
