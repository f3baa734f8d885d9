"""The benchmark of training: what it counts is what a whole network would count, and its losses are the reference's."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench import conversations, flops, memory, trainers
from bench.conversations import Conversation
from bench.train import parity, shape_of
from tests import training_models as models
from training.encode import Kind

SHAPE: dict[str, Any] = {
    "vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": True,
}  # fmt: skip
CONFIG = LlamaConfig(**SHAPE, num_hidden_layers=5)
SHALLOW = LlamaConfig(**SHAPE, num_hidden_layers=2)


def test_the_invented_conversations_have_the_lengths_and_the_own_share_that_the_bars_are_read_on() -> None:
    shape = shape_of(conversations.lognormal(400, 49152))
    assert shape["mean_tokens"] == pytest.approx(120, rel=0.02)
    assert shape["loss_share"] == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("name", ["ours", "plain", "seed"])
def test_two_layers_counted_make_the_flops_of_all(name: str) -> None:
    """Against a formula: each weight of a linear layer costs 2 forward and 2 back per token, one of LoRA 2 more."""
    ids = tuple(range(10, 50))
    some = [Conversation(ids, (int(Kind.CONTEXT),) + (int(Kind.TEXT),) * 39)] * 8
    trainer = {"ours": trainers.ours, "plain": trainers.plain, "seed": trainers.seed}[name]()
    with torch.device("meta"):
        whole = LlamaForCausalLM(CONFIG)
    trainers.prepare(whole, trainer)
    lora = sum(p.numel() for n, p in whole.named_parameters() if "lora_" in n)
    frozen = sum(m.base_layer.weight.numel() for n, m in whole.named_modules() if hasattr(m, "base_layer"))
    head, scored = 512 * 32, 39 / 40 if name == "ours" else 1
    again = 2 if trainer.checkpointing else 0
    pairs = (14 + 2 * again) * 32 * 5 * 40
    first = 2 * (32 * 32 + 2 * 32 * 16) + 3 * 2 * 32 * trainers.RANK  # below q, k and v of layer one nothing learns
    expected = frozen * (4 + again) + lora * (6 + again) + head * 4 * scored + pairs - first
    assert flops.per_token(CONFIG, trainer, some, 10**6) == pytest.approx(expected, rel=0.005)


def test_our_losses_are_those_of_each_conversation_alone() -> None:
    assert parity(models.tiny(), conversations.lognormal(40, 49152), 4) < 1e-4


@pytest.mark.parametrize("name", ["ours", "plain"])
def test_the_memory_of_a_step_without_numbers_is_that_of_one_with_them(name: str) -> None:
    some, side = conversations.lognormal(8, 512), trainers.SIDES[name]()
    (batch,) = side.batches(some, 10**6)
    network = trainers.prepare(LlamaForCausalLM(SHALLOW), side)
    real = memory.tracked(network, side, batch)
    assert real > 10**6
    assert memory.computed(SHALLOW, name, some, 10**6) == pytest.approx(real, rel=0.001)
