"""How each method trains unless the settings say otherwise.

LoRA: `TrainOptions`' own values, and a rate for large models. Every weight of the network (`full`): the recipe by which
furiousteabag/doppelganger trained a 7B model on eight GPUs (`finetune_full.py`), kept as it was but for what is ours
anywhere: loss on the owner's turns alone, and windows that are packed. Rate 2e-5 with a warm-up over 3 % and a cosine,
64 conversations of at most 1,024 tokens a step (2 rows x 4 accumulated x 8 GPUs there), no weight decay, gradients
clipped at 1; 3 passes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from data.errors import UserError
from training.fit import ROW_TOKENS, Method, shape_of
from training.schedule import WARMUP_ROWS, TrainOptions

LORA_RATE = 2e-4
"""Usual for 7B. Smaller models bear more."""
SMALL, SMALL_RATE = 10**9, 1e-3
"""Below so many parameters. For 135M it was better than 3e-4 (docs/choices.md); where the border lies is not known."""
FULL_RATE = 2e-5
FULL_WINDOWS = 64
FULL_WARMUP = 0.03
FULL_WINDOW_TOKENS = 1024
_LOSS_SHARE = 0.4


def options(
    method: Method, device: str, rate: float | None = None, seed: int = 1, config: Mapping[str, Any] | None = None
) -> TrainOptions:
    """The options of a method on a kind of device, without a budget. `rate` None: the method's own, for a network of
    this size; of one without a config or of an unknown architecture, that of a large one."""
    row = ROW_TOKENS.get(device, ROW_TOKENS["cpu"])
    common = TrainOptions(method=method, micro_batch_tokens=row, seed=seed)
    if method != "full":
        warmup = round(WARMUP_ROWS * row * _LOSS_SHARE)
        return replace(common, warmup_loss_tokens=warmup, learning_rate=rate or _lora_rate(config))
    return replace(
        common,
        learning_rate=rate or FULL_RATE,
        step_windows=FULL_WINDOWS,
        warmup_share=FULL_WARMUP,
        window_tokens=FULL_WINDOW_TOKENS,
        format_weight=1.0,
    )


def _lora_rate(config: Mapping[str, Any] | None) -> float:
    try:
        return SMALL_RATE if config and shape_of(config).parameters < SMALL else LORA_RATE
    except UserError:
        return LORA_RATE
