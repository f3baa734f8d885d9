"""A base in 4 bit as it was loaded, to be learned on or measured with.

On CPUs with AVX512-BF16 bitsandbytes (0.50.2) packs the weights of a layer anew at the first reading without gradients,
for another kernel. That one passes no gradient on, is used from then on in training too, and nothing but a warning
says so: the LoRA weights before it learn from what goes around it. It is made for a reply that is written token by
token, and not for hundreds of tokens at a time; it computes in bf16, what was loaded in fp32.
"""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def unpacked(network: Any) -> Iterator[None]:
    """Within, the weights are as they were loaded, and stay so; afterwards they may be packed again. What had been
    packed before keeps its scales rounded to bf16. On GPUs, and where nothing is in 4 bit, it does nothing."""
    layers = [module for module in network.modules() if getattr(module, "support_avx512bf16_for_cpu", False)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
        _unpack(layer)
    try:
        yield
    finally:
        for layer in layers:
            layer.support_avx512bf16_for_cpu = True


def _unpack(layer: Any) -> None:
    layer.state_dict()  # the one public way: what is saved is unpacked in place
    scales = layer.weight.quant_state.absmax
    if scales.dim() == 2:  # 0.50.2 leaves them by columns, as the kernel wants them; all else reads them by rows
        layer.weight.quant_state.absmax = scales.T.reshape(-1).float()
