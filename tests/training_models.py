"""The models and the invented chats that the training tests share. Each model is made once per test run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from data import samples, transcript
from data.message import Message
from data.redact import Surrogates
from data.samples import DatasetCard, Sample
from data.transcript import Scope, Transcript
from training import model, precision
from training.model import LanguageModel

MODELS = platformdirs.user_cache_path("doppelgram") / "models"
"""Shared with the program itself: the demo's model is unpacked once per machine."""
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
CHAT = (
    (False, "hey are you around later?"),
    (True, "yep yep"),
    (True, "whats up"),
    (False, "thinking of making soup. want some?"),
    (True, "omg yes pls"),
    (False, "great, the lentil one or the tomato one?"),
    (True, "tomatooo"),
    (True, "i will bring bread"),
    (False, "you are the best"),
    (True, "i know hehe"),
)


@cache
def real() -> LanguageModel:
    """The demo's base in fp32, on one thread: two that wait for each other crawl on a machine that is busy.

    Whoever puts an adapter on takes it off again.
    """
    return model.load("smollm2", MODELS, "none", threads=1)


def tokenizer() -> Any:
    return real().tokenizer


def tiny(seed: int = 0, hidden: int = 48) -> LanguageModel:
    """A random two-layer model with the real tokenizer: for everything that does not depend on the weights. Packed for
    a CPU kernel, layers in 4 bit want multiples of 32: 64 is such a `hidden`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LlamaForCausalLM(config)
    network.requires_grad_(False)
    network.eval()
    identity = model.identify("tiny", f"seed-{seed}", tokenizer(), network)
    return LanguageModel(tokenizer(), network, identity, anew=lambda: tiny(seed, hidden).causal)


@contextmanager
def fp32() -> Iterator[None]:
    """Within, a training computes as on a CPU without units for bf16: for what is compared more closely than bf16
    rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "has_units", lambda: False)
        yield


def chat(lines: tuple[tuple[bool, str], ...] = CHAT, dialog: int = 7) -> Transcript:
    """A transcript of lines half a minute apart."""
    messages = [
        Message(dialog, index, mine, NOON + timedelta(seconds=30 * index), text)
        for index, (mine, text) in enumerate(lines)
    ]
    return transcript.of(messages, Scope.CHAT, Surrogates(bytes(32), dialog))


def windows(count: int = 8) -> list[Sample]:
    """Different windows of one person who always talks alike."""
    found = []
    for index in range(count):
        lines = tuple(line for line in CHAT[2 * (index % 4) :])
        found.append(Sample(index, chat((*lines, (False, f"number {index} again?"), (True, f"yep yep {index}")))))
    return found


def dataset(folder: Path, train: list[Sample]) -> Path:
    """A dataset folder as `samples.build` leaves one behind."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": train, "validation": train[:2], "test": train[:2], "unseen": [], "controls": train[:2]}
    for name, part in parts.items():
        samples.write_private(folder / f"{name}.jsonl", "".join(sample.to_json() + "\n" for sample in part))
    card = DatasetCard(
        hash="0123456789abcdef",
        built_at=NOON.isoformat(),
        scopes={str(sample.dialog_id): "chat" for sample in train},
        window=4000,
        zone="UTC",
        messages=0,
        kept=0,
        dropped={},
        turns=0,
        characters=0,
        split={name: len(part) for name, part in parts.items()},
        pause=240.0,
        silence=5400.0,
    )
    samples.write_private(folder / "card.json", json.dumps(asdict(card)))
    return folder


def without_target(sample: Sample) -> Sample:
    """The same window with nothing to learn in it."""
    turns = tuple(replace(turn, target=False) for turn in sample.transcript.turns)
    return replace(sample, transcript=Transcript(turns))
