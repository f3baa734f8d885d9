"""Networks in the shapes of real models, with random weights: speed and memory do not depend on what they say.

Nothing is downloaded, and nothing of full size ever exists in full precision: each matrix is made where it will lie,
and put into 4 bit at once.
"""

from typing import Any, Literal

import torch
from torch import Tensor

Weights = Literal["nf4", "plain"]
SHAPES: dict[str, dict[str, Any]] = {
    "mistral-7b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "tie_word_embeddings": False,
    },
    "llama-3.1-8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "tie_word_embeddings": False,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
        "tie_word_embeddings": False,
    },
}
SPREAD = 0.02
"""Standard deviation of the weights, as networks are usually begun."""


def network(shape: str, weights: Weights, device: torch.device, *, layers: int | None = None, seed: int = 1) -> Any:
    """A causal network, frozen; in bf16 on CUDA and fp32 elsewhere. `nf4` holds every matrix of its layers in 4 bit,
    the head and the embedding stay as they are. Raises `ImportError` without bitsandbytes for `nf4`."""
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    config = configuration(shape, layers)
    with torch.device("meta"):
        causal: Any = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    chance = torch.Generator(device).manual_seed(seed)
    if weights == "nf4":
        _quantize(causal.model, dtype, device, chance)
        causal.is_loaded_in_4bit = True
    for name, parameter in list(causal.named_parameters()):
        if parameter.is_meta:
            place, _, own = name.rpartition(".")
            made = torch.ones(parameter.shape, dtype=dtype, device=device)  # of norms
            _put(causal.get_submodule(place), own, made if made.dim() == 1 else _random(made, chance))
    for name, module in list(causal.named_modules()):
        if any(buffer.is_meta for buffer in module.buffers(recurse=False)):  # positions: computed, not learned
            parent, _, own = name.rpartition(".")
            setattr(causal.get_submodule(parent), own, type(module)(config).to(device))
    causal.requires_grad_(False)
    return causal.eval()


def configuration(shape: str, layers: int | None = None) -> Any:
    """That of a shape, with another number of layers if one is given."""
    from transformers import LlamaConfig

    values = SHAPES[shape] | ({"num_hidden_layers": layers} if layers else {})
    return LlamaConfig(**values, max_position_embeddings=8192, bos_token_id=1, eos_token_id=2)


def _random(made: Tensor, chance: torch.Generator) -> Tensor:
    return made.normal_(0, SPREAD, generator=chance)


def _put(module: Any, name: str, made: Tensor) -> None:
    setattr(module, name, torch.nn.Parameter(made, requires_grad=False))


def _quantize(decoder: Any, dtype: torch.dtype, device: torch.device, chance: torch.Generator) -> None:
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, plain in list(decoder.named_modules()):
        if not isinstance(plain, torch.nn.Linear):
            continue
        rows, columns = plain.weight.shape
        whole = _random(torch.empty((rows, columns), dtype=dtype, device=device), chance)
        linear = Linear4bit(columns, rows, bias=False, compute_dtype=dtype, quant_type="nf4", device="meta")
        linear.weight = Params4bit(whole, requires_grad=False, quant_type="nf4").to(device)
        parent, _, own = name.rpartition(".")
        setattr(decoder.get_submodule(parent), own, linear)
