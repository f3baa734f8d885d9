"""Activation checkpointing: a layer keeps only what went into it, and is computed a second time for its gradients.

It saves memory and costs up to half as much arithmetic again, so `way` has it on only where nothing fits without.
"""

from contextlib import nullcontext
from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint

from training import attention
from training.fit import Checkpointing
from training.model import LanguageModel


def layers(model: LanguageModel, mode: Checkpointing) -> int:
    """Have these layers of the network computed twice while it trains, and no others. Returns how many they are: none
    in a network whose layers cannot be."""
    able = [layer for layer in model.decoder.layers if hasattr(layer, "gradient_checkpointing")]
    for place, layer in enumerate(reversed(able)):
        # From the last layer, the first that the backward pass comes to: there everything else is still kept.
        layer.gradient_checkpointing = mode == "full" or (mode == "partial" and place % 2 == 1)
        layer._gradient_checkpointing_func = partial(_twice, model)
    return sum(layer.gradient_checkpointing for layer in able)


def _twice(model: LanguageModel, layer: Any, *inputs: Any) -> Any:
    # The second time is in the backward pass, when nobody else asks for attention within windows any more.
    return checkpoint(layer, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), attention.packed(model)))
