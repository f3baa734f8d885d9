"""LoRA beside the layers of a network (Hu et al., 2021).

peft writes LoRA's product apart, scales it and adds it to the output of the layer. On a CPU these ways through memory
take a few per cent of the time (bench/lora.py); there it is added in place.
"""

from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear
from torch import Tensor
from torch.nn.functional import linear

from training.precision import product


def put(network: Any, config: LoraConfig) -> PeftModel:
    """Inject LoRA into a network: peft's wrapper of it."""
    adapted = get_peft_model(network, config)
    for layer in adapted.modules():
        if type(layer) is Linear and _is_plain(layer):
            layer.__class__ = _InPlace
    return adapted


def _is_plain(layer: Any) -> bool:
    """Whether it is a frozen layer in fp32 on a CPU with one LoRA beside it that has no dropout, no bias and no
    variant."""
    base = layer.base_layer
    (name,) = layer.lora_A
    more = layer.lora_bias[name] or layer.lora_variant or not isinstance(layer.lora_dropout[name], torch.nn.Identity)
    weights = (base.weight, layer.lora_A[name].weight)
    here = all(weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in weights)
    frozen = not any(parameter.requires_grad for parameter in base.parameters())
    return type(base) is torch.nn.Linear and here and frozen and not more


class _InPlace(Linear):
    """Such a layer."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Outputs [..., out] for inputs [..., in]."""
        if self.disable_adapters or self.merged or args or kwargs:
            given: Tensor = super().forward(x, *args, **kwargs)
            return given
        (name,) = self.active_adapters
        base, down, up = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
        result: Tensor = _Sum.apply(x, base.weight, base.bias, down, up, self.scaling[name])
        return result


class _Sum(torch.autograd.Function):
    """x W' + b + s (x A') B', for a frozen W and b. Products are in the precision of W (see `precision`)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        read = x.to(weight.dtype)
        result = product(read, weight, bias).to(x.dtype)
        within = linear(read, down.to(weight.dtype))
        ctx.save_for_backward(read, weight, down, up, within)
        ctx.scale = scale
        result.view(-1, result.shape[-1]).addmm_(_rows(within).to(x.dtype), up.T, alpha=scale)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Any) -> Any:
        read, weight, down, up, within = ctx.saved_tensors
        rows = _rows(slopes[0]).to(weight.dtype)
        to_within = (rows @ up.to(weight.dtype)).mul_(ctx.scale)
        to_up = (_rows(within).T @ rows).mul_(ctx.scale).T  # the other way round it takes twice as long
        to_down = to_within.T @ _rows(read)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (rows @ weight).addmm_(to_within, down.to(weight.dtype)).view(read.shape).to(slopes[0].dtype)
        return to_x, None, None, to_down.to(down.dtype), to_up.to(up.dtype), None


def _rows(some: Tensor) -> Tensor:
    return some.reshape(-1, some.shape[-1])
