"""FLOPs of a trainer's passes, forward and backward, counted on meta tensors: shapes without numbers.

The counter sees matrix products. Attention is left out of the network and added by torch's own formula for it: each
pair of tokens that is compared costs 4 x size x heads forward and 10 backward, masked or not, on every side. Each side
pays for the pairs of its own layout: a window's own, a padded rectangle's, a packed row's. All layers cost the same,
so networks of one layer and of two are counted.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench import trainers
from bench.conversations import Conversation
from bench.trainers import Trainer

_UNCOUNTED = "bench_uncounted"


def per_token(config: Any, trainer: Trainer, conversations: Sequence[Conversation], tokens: int) -> float:
    """FLOPs of one epoch, by the real tokens of all conversations."""
    batches = trainer.batches(conversations, tokens)
    one, two = (_products(_layers(config, count), trainer, batches) for count in (1, 2))
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    pair = size * config.num_attention_heads * config.num_hidden_layers
    times = (8 if trainer.checkpointing else 4) + 10
    attention = times * pair * sum(trainer.scores(batch) for batch in batches)
    head = trainer.head(config) * sum(len(each.ids) - each.labels.count(-100) for each in conversations)
    total = one + (config.num_hidden_layers - 1) * (two - one) + attention + head
    return float(total) / sum(len(each.ids) for each in conversations)


def _products(config: Any, trainer: Trainer, batches: Sequence[Any]) -> int:
    from transformers import AttentionInterface, AutoModelForCausalLM

    AttentionInterface.register(_UNCOUNTED, _uncounted)
    with torch.device("meta"):
        causal = AutoModelForCausalLM.from_config(config, attn_implementation=_UNCOUNTED)
    model = trainers.prepare(causal, trainer)
    total = 0
    for batch in batches:
        with FlopCounterMode(display=False) as counter:
            torch.autograd.backward(trainer.shape(model, batch))
        total += counter.get_total_flops()
    return total


def _uncounted(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **_: Any) -> tuple[Tensor, None]:
    share = query.shape[1] // key.shape[1]
    joined = query + (key + value).repeat_interleave(share, dim=1)
    return joined.transpose(1, 2).contiguous(), None


def _layers(config: Any, count: int) -> Any:
    small = copy.deepcopy(config)
    small.num_hidden_layers = count
    if getattr(small, "layer_types", None):
        small.layer_types = small.layer_types[:count]
    return small
