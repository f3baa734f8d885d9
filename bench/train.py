"""What our training saves against a plain Trainer, the recipe that this project started from, and TRL's packing.

    python -m bench.train

Needs the extras `train`, `demo` and `bench`. In this order: our losses against an unpacked reference; FLOPs per real
token on two sets; the peak memory of a step; process CPU seconds. About 20 minutes of a processor.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bench import conversations, flops, memory, trainers
from bench.conversations import Conversation
from bench.trainers import Trainer
from training import adapter, model
from training.model import LanguageModel

BUDGET = 4096
"""Real tokens of a micro-step. A plain Trainer's step of so many has no room in a usual memory: see `memory`."""
SMALL = 1024
"""Real tokens of a step that both sides can make on a machine with 16 GiB."""
RATE = 1e-4
"""Of the comparison of losses. At 1e-3 on these random tokens rounding alone grows from 1e-6 to 0.1 within 20 steps."""


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.train", description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=400, help="of each set, for the FLOPs")
    parser.add_argument("--steps", type=int, default=20, help="of the comparison of losses")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison of CPU seconds")
    options = parser.parse_args()
    print(json.dumps(measure(options.conversations, options.steps, options.rounds), indent=2))


def measure(count: int, steps: int, rounds: int) -> dict[str, Any]:
    """All figures."""
    base = model.load("smollm2", memory.MODELS, "none")
    config = base.causal.config
    invented = conversations.lognormal(count, config.vocab_size)
    built = conversations.corpus(base.tokenizer, count)
    return {
        "parity_max_difference": parity(base, invented, steps),
        **counted(config, invented),
        **memory.peaks(config, invented, SMALL, BUDGET),
        **cpu(base.causal, invented, rounds),
        "set": shape_of(invented),
        "corpus": {"set": shape_of(built), **counted(config, built)},
        "threads": torch.get_num_threads(),
    }


def shape_of(some: Sequence[Conversation]) -> dict[str, float]:
    """Conversations, their mean length, the share of tokens with loss and of those up to the last one with loss."""
    tokens = sum(len(each.ids) for each in some)
    losses = tokens - sum(each.labels.count(-100) for each in some)
    kept = sum(len(window.ids) for each in some if (window := each.window))
    return {
        "conversations": len(some),
        "mean_tokens": round(tokens / len(some), 1),
        "loss_share": round(losses / tokens, 3),
        "kept_share": round(kept / tokens, 3),
    }


def parity(base: LanguageModel, some: Sequence[Conversation], steps: int) -> float:
    """The largest difference of a step's loss, in nats, from the whole model's logits of each conversation alone."""
    whole = {window.ids: each for each in some if (window := each.window)}
    trainer = trainers.ours()
    batches = trainer.batches(list(whole.values()), 512)[:steps]

    def reference(network: LanguageModel, batch: Any) -> Tensor:
        losses = [_alone(network, whole[window.ids]) for window in batch.windows]
        mean: Tensor = torch.stack(losses).sum() / batch.loss_tokens
        return mean

    ours, theirs = (_learn(base, trainer, loss, batches) for loss in (trainer.loss, reference))
    return max(abs(one - other) for one, other in zip(ours, theirs, strict=True))


def _alone(network: LanguageModel, conversation: Conversation) -> Tensor:
    logits: Tensor = network.causal(input_ids=torch.tensor([conversation.ids]), use_cache=False).logits[0, :-1]
    return functional.cross_entropy(logits.float(), torch.tensor(conversation.labels[1:]), reduction="sum")


def _learn(base: LanguageModel, trainer: Trainer, loss: Any, batches: Sequence[Any]) -> list[float]:
    network = trainers.prepare(base.causal, trainer)
    learned = [parameter for parameter in base.causal.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.0)
    found = []
    for batch in batches:
        optimizer.zero_grad()
        step = loss(network, batch)
        torch.autograd.backward(step)
        optimizer.step()
        found.append(float(step.detach()))
    adapter.detach(network)
    return found


def counted(config: Any, some: Sequence[Conversation]) -> dict[str, Any]:
    """FLOPs per real token of each side, in millions, and how many times ours each one is."""
    sides = {
        "ours": trainers.ours(),
        "plain": trainers.plain(),
        "seed": trainers.seed(),
        "seed_own_targets": trainers.seed(trainers.SEED_TARGETS, 32),
        "trl": trainers.trl(),
        "trl_4096": trainers.trl(BUDGET // conversations.LONGEST),
    }
    found = {name: flops.per_token(config, side, some, BUDGET) for name, side in sides.items()}
    ratios = {f"flops_ratio_{name}": round(found[name] / found["ours"], 2) for name in sides if name != "ours"}
    return ratios | {"mflops_per_token": {name: round(each / 1e6, 1) for name, each in found.items()}}


def cpu(causal: Any, some: Sequence[Conversation], rounds: int) -> dict[str, Any]:
    """Process CPU seconds per real token of forward and backward passes: the sides in turns, the median of all rounds.

    Each round all sides get the same conversations: eight rows of a plain Trainer, about `SMALL` real tokens.
    """
    trainers.add_trl_head(causal)
    network = trainers.prepare(causal, trainers.ours())  # all three have the same adapter
    spent: dict[str, list[float]] = {"ours": [], "plain": [], "trl": []}
    steps = trainers.plain_steps(some, SMALL)
    for rows in [steps[0], *steps[:rounds]]:  # the first round only warms up
        tokens = sum(len(each.ids) for each in rows)
        for name, seconds in spent.items():
            side = trainers.SIDES[name]()
            batches = side.batches(rows, SMALL)
            began = time.process_time()
            for batch in batches:
                torch.autograd.backward(side.loss(network, batch))
            seconds.append((time.process_time() - began) / tokens)
            network.causal.zero_grad()
    median = {name: statistics.median(seconds[1:]) for name, seconds in spent.items()}
    return {
        "cpu_ratio_plain": round(median["plain"] / median["ours"], 2),
        "cpu_ratio_trl": round(median["trl"] / median["ours"], 2),
        "cpu_ms_per_token": {name: round(1000 * each, 2) for name, each in median.items()},
    }


if __name__ == "__main__":
    main()
