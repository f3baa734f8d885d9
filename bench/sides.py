"""Two ways of computing the same on a CPU, measured in turns on one model and windows of one person of the corpus."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from peft import LoraConfig
from platformdirs import user_cache_path

from bench.persons import PERSONS, Person
from training import lora, model
from training.adapter import peft_warnings
from training.encode import CONTEXT_TOKENS, Encoder
from training.loss import token_losses
from training.model import LanguageModel
from training.packing import MicroBatch
from training.schedule import TrainOptions

WINDOWS = 2
"""Some 700 tokens each."""

Side = Callable[[], AbstractContextManager[Any]]


def small_model() -> LanguageModel:
    """SmolLM2-135M in fp32, on one thread."""
    return model.load("smollm2", user_cache_path("doppelgram") / "models", "none", 1)


def windows(network: LanguageModel) -> list[MicroBatch]:
    """What is read, a window after another."""
    encoder, newest = Encoder(network.tokenizer), Person(PERSONS[0]).train[-WINDOWS:]
    return [MicroBatch((encoder.sample(each, CONTEXT_TOKENS),)) for each in newest]


def put_lora(network: LanguageModel) -> None:
    """LoRA as `train` makes it, but not as it begins: the product would be zero, and equal whatever is added."""
    options = TrainOptions()
    config = LoraConfig(r=options.rank, lora_alpha=options.alpha, target_modules="all-linear", init_lora_weights=False)
    with peft_warnings():
        network.adapted = lora.put(network.causal, config)


def compare(
    network: LanguageModel, batches: Sequence[MicroBatch], sides: Mapping[str, Side], rounds: int
) -> dict[str, Any]:
    """Seconds of a processor for 1,000 tokens on both sides, read with an adapter and learned; the share that the first
    side takes of the second; and the losses."""
    first, second = sides
    tokens = sum(each.tokens for each in batches)
    taken: dict[tuple[str, str], list[float]] = {}
    losses: dict[str, float] = {}
    for _ in range(rounds):
        for name, side in sides.items():
            with side():
                for work, do in (("read", _read), ("learn", _learn)):
                    begun = time.process_time()
                    losses[f"{name} {work}"] = do(network, batches)
                    taken.setdefault((work, name), []).append((time.process_time() - begun) * 1000 / tokens)
    middle = {each: statistics.median(some[1:] or some) for each, some in taken.items()}  # the first round warms up
    return {
        "tokens": tokens,
        "rounds": rounds,
        **{f"{work}_{name}": round(seconds, 3) for (work, name), seconds in middle.items()},
        **{f"{work}_ratio": round(middle[work, first] / middle[work, second], 3) for work in ("read", "learn")},
        "losses": losses,
    }


def _read(network: LanguageModel, batches: Sequence[MicroBatch]) -> float:
    network.causal.eval()
    with torch.inference_mode():
        return sum(float(token_losses(network, batch).nll.sum()) for batch in batches)


def _learn(network: LanguageModel, batches: Sequence[MicroBatch]) -> float:
    network.causal.train()
    total = 0.0
    for batch in batches:
        loss = token_losses(network, batch).weighted(1.0)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    network.adapted.zero_grad()
    return total
