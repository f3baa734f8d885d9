"""A base in 4 bit that can be learned on.

On CPUs with AVX512-BF16 bitsandbytes (0.50.2) packs the weights of a layer anew at the first reading without gradients,
for a quicker kernel. That one has no gradients, it is used from then on in training too, and nothing says so: the LoRA
weights of all layers but the last learn from noise.
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
        layer.state_dict()  # the one public way to have it unpacked: what is saved is unpacked in place
    try:
        yield
    finally:
        for layer in layers:
            layer.support_avx512bf16_for_cpu = True
