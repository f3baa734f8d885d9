"""What LoRA in place saves of a processor: reading windows with an adapter, and a step of training.

    python -m bench.lora [--rounds N]

Needs the extras `train` and `demo`. SmolLM2-135M in fp32 on one thread, windows of one person of the corpus; our layers
and peft's in turns on the same weights.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
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


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.lora", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    loaded = model.load("smollm2", user_cache_path("doppelgram") / "models", "none", 1)
    encoder = Encoder(loaded.tokenizer)
    windows = [encoder.sample(each, CONTEXT_TOKENS) for each in Person(PERSONS[0]).train[-WINDOWS:]]
    print(json.dumps(measured(loaded, [MicroBatch((each,)) for each in windows], parser.parse_args().rounds)))


def measured(network: LanguageModel, batches: Sequence[MicroBatch], rounds: int) -> dict[str, Any]:
    """Seconds of a processor for 1,000 tokens, of both sides, and by how much of peft's ours are fewer."""
    options = TrainOptions()
    # As peft begins, the product would be zero, and equal whatever is added.
    config = LoraConfig(r=options.rank, lora_alpha=options.alpha, target_modules="all-linear", init_lora_weights=False)
    with peft_warnings():
        network.adapted = lora.put(network.causal, config)
    layers = [each for each in network.adapted.modules() if isinstance(each, Linear)]
    ours, tokens = type(layers[0]), sum(each.tokens for each in batches)
    taken: dict[tuple[str, str], list[float]] = {}
    losses: dict[str, float] = {}
    for _ in range(rounds):
        for side, kind in (("ours", ours), ("peft", Linear)):
            for layer in layers:
                layer.__class__ = kind
            for work, do in (("read", _read), ("learn", _learn)):
                begun = time.process_time()
                losses[f"{side} {work}"] = do(network, batches)
                taken.setdefault((work, side), []).append((time.process_time() - begun) * 1000 / tokens)
    middle = {each: statistics.median(some[1:] or some) for each, some in taken.items()}  # the first round warms up
    return {
        "tokens": tokens,
        "rounds": rounds,
        **{f"{work}_{side}": round(seconds, 3) for (work, side), seconds in middle.items()},
        **{f"{work}_ratio": round(middle[work, "ours"] / middle[work, "peft"], 3) for work in ("read", "learn")},
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


if __name__ == "__main__":
    main()
