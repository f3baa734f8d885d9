"""What the network has read: kept within its bound, gone back in, and the same as if read anew by any network."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from data.transcript import Transcript
from tests import training_models as models
from training import model
from training.generate import Generator
from training.memory import Memories, Memory
from training.model import LanguageModel

TOKEN = 2 * 2 * 2 * 12 * 4
"""Bytes of the tiny model's keys and values a token: two layers, both kinds, two heads of 12 fp32."""
LONG = tuple((index % 3 != 0, f"this is number {index}, and number {index} it is") for index in range(20))


def network(kind: str) -> LanguageModel:
    """A tiny random network whose layers look back in another way than Llama's."""
    import transformers

    shape: dict[str, Any] = {
        "vocab_size": 49152,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "initializer_range": 0.2,
        "tie_word_embeddings": True,
    }
    if kind == "sliding":
        made: Any = transformers.MistralForCausalLM(transformers.MistralConfig(**shape, sliding_window=24))
    else:
        config = transformers.Qwen3NextConfig(
            **shape,
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=2,
            linear_num_key_heads=2,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
            num_experts=0,
            mlp_only_layers=[0, 1],
        )
        made = transformers.Qwen3NextForCausalLM(config)
    made.requires_grad_(False)
    made.eval()
    tokenizer = models.tokenizer()
    return LanguageModel(tokenizer, made, model.identify(kind, "random", tokenizer, made))


@cache
def of_kind(kind: str) -> LanguageModel:
    if kind == "full":
        return models.tiny()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return network(kind)


def greedy(generator: Generator, transcript: Transcript) -> tuple[str, ...]:
    (candidate,) = generator.reply(transcript, 1, 1, max_tokens=12, temperature=0)
    return candidate.texts


@pytest.mark.parametrize("kind", ["full", "sliding", "linear"])
def test_a_chat_that_grows_changes_and_slides_is_answered_as_if_read_anew(kind: str) -> None:
    whole = models.chat(LONG)
    turns = whole.turns
    edited = replace(turns[-3], texts=("no, something else",))
    states = [
        Transcript(turns[:-4]),
        Transcript(turns[:-1]),
        Transcript((*turns[:-3], edited, turns[-2])),  # an edit
        Transcript((*turns[:-3], turns[-2])),  # a deletion
        models.chat(LONG[7:]),  # the window slid
        whole,
    ]
    kept = Generator(of_kind(kind))
    for state in states:
        assert greedy(kept, state) == greedy(Generator(of_kind(kind)), state)


@pytest.mark.parametrize("kind", ["full", "sliding"])
def test_what_has_not_changed_is_not_read_again(kind: str) -> None:
    turns = models.chat(LONG).turns
    kept = Generator(of_kind(kind))
    greedy(kept, Transcript(turns[:-2]))
    before = kept.read_tokens
    greedy(kept, Transcript(turns))
    assert 0 < kept.read_tokens - before < 60


def test_the_caches_together_stay_within_their_bytes_and_the_oldest_goes_first() -> None:
    memories = Memories(3 * 256 * TOKEN)
    for dialog in range(5):
        memory = Memory(models.tiny().causal.config)
        with torch.inference_mode():
            models.tiny().decoder(input_ids=torch.ones(1, 9, dtype=torch.long), past_key_values=memory.cache)
        assert memory.nbytes == 256 * TOKEN
        memories.put(dialog, memory)
        assert memories.nbytes <= 3 * 256 * TOKEN
    assert [memories.take(dialog) is not None for dialog in range(5)] == [False, False, True, True, True]


def test_a_chat_that_is_larger_than_the_bound_is_not_kept() -> None:
    small = Generator(of_kind("full"), memory_bytes=256 * TOKEN - 1)
    greedy(small, models.chat())
    before = small.read_tokens
    greedy(small, models.chat())
    assert small.read_tokens - before > 50
