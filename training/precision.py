"""Mixed precision on a CPU: the products of frozen weights in bf16, where it has units for that.

A CPU with AMX or AVX512-BF16 multiplies numbers of bf16 faster than those of fp32 (bench/precision.py). So while many
tokens are read at once, frozen weights, what goes into their products and what comes out are rounded to bf16, and so is
most of what `lora` computes beside them; sums are formed in fp32. All else stays in fp32: LoRA's own weights, norms,
attention, the stream from layer to layer, the head, and what peft computes itself, as with dropout. It is mixed
precision training (Micikevicius et al., 2018), with less in bf16 than on a GPU.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from training import attention, ranks
from training.model import LanguageModel

UNITS = ("amx_bf16", "avx512_bf16")


def has_units() -> bool:
    """Whether this CPU has units for products in bf16."""
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch does not tell
    return any(able.get(unit) for unit in UNITS)


@contextlib.contextmanager
def mixed(model: LanguageModel) -> Iterator[None]:
    """Within, the model computes so, where that is of use; afterwards its weights are what they were. Raises what torch
    raises where memory does not hold another layer."""
    with contextlib.ExitStack() as rounded:
        if has_units() and not ranks.several():
            attention.way(model)  # chosen before anything is rounded: it compares more closely
            for layer in _able(model):
                rounded.callback(_restore, layer, _round(layer))
            if not _computes(model):
                rounded.close()
        yield


def _round(layer: Any) -> Tensor | None:
    """Round the weights of a layer. Returns what that took from them, None for nothing."""
    layer.weight.data, rest = _split(layer.weight.data)
    layer.__class__ = _Rounded
    return rest


@torch.inference_mode(False)  # else nothing could be learned beside these weights ever after
def _restore(layer: Any, rest: Tensor | None) -> None:
    layer.weight.data = _joined(layer.weight.data, rest)
    layer.__class__ = torch.nn.Linear


def _computes(model: LanguageModel) -> bool:
    """Whether it still does: a network may read the weights of a layer itself, as Jamba does, and multiply them by
    numbers of fp32."""
    training = model.causal.training
    model.causal.eval()
    try:
        attention.hidden_states(model, [[11, 12]])
    except RuntimeError:
        return False
    finally:
        model.causal.train(training)
    return True


def _split(weight: Tensor) -> tuple[Tensor, Tensor | None]:
    """Weights [out, in] in bf16 and what is missing to those in fp32, in units of their last bit: together no larger
    than before. Most bases are stored in bf16, and then nothing is missing. Halves go up and down by turns: all one
    way, they would make weights that come from 4 bit larger."""
    bits, turn = weight.view(torch.int32), _turns(weight)
    upper = (bits + 0x8000 - turn) >> 16
    rest = (bits - (upper << 16) - turn).to(torch.int16)
    missing = bool((rest + turn).any())
    return upper.to(torch.int16).view(torch.bfloat16), rest if missing else None


def _joined(rounded: Tensor, rest: Tensor | None) -> Tensor:
    bits = rounded.view(torch.int16).to(torch.int32) << 16
    return (bits if rest is None else bits + rest + _turns(rounded)).view(torch.float32)


def _turns(weight: Tensor) -> Tensor:
    return torch.arange(weight.shape[-1], dtype=torch.int32, device=weight.device) & 1


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W' + b, [..., out], in the precision of x, computed in that of W [out, in]."""
    return linear(x.to(weight.dtype), weight, None if bias is None else bias.to(weight.dtype)).to(x.dtype)


def _able(model: LanguageModel) -> Iterator[Any]:
    """The frozen layers in fp32 on the CPU, but for the head, whose logits want more digits, and LoRA's."""
    for name, layer in model.decoder.named_modules():
        if type(layer) is not torch.nn.Linear or ".lora_" in name or layer.weight.requires_grad:
            continue
        if layer.weight.device.type == "cpu" and layer.weight.dtype == torch.float32:
            yield layer


class _Rounded(torch.nn.Linear):
    """Such a layer while its weights are bf16."""

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [..., out] in the precision of the inputs [..., in]."""
        return product(x, self.weight, self.bias)
