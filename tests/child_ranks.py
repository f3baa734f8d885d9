"""One rank of a training of the tiny model. Not a test itself.

torchrun --nproc-per-node N -m tests.child_ranks DATASET OUT OPTIONS STOP     (the first rank prints a JSON object)
torchrun --nproc-per-node N -m tests.child_ranks DATASET OPTIONS              (the same, for every weight, no adapter)
"""

import json
import os
import sys
from pathlib import Path

import torch

from data import samples
from tests import training_models as models
from training import ranks, schedule, train
from training.encode import Encoder
from training.schedule import TrainOptions
from training.step import Stepper


def learn(dataset: str, out: str, options: str, stop: str) -> None:
    made = 0

    def count(report: train.StepReport) -> None:
        nonlocal made
        made += 1

    with ranks.group():
        # Only one of the ranks wants to stop: the others must hear of it.
        last = not ranks.first() or not ranks.several()
        result = train.train(
            models.tiny(),
            Path(dataset),
            Path(out),
            TrainOptions(**json.loads(options)),
            count,
            lambda: last and made >= int(stop),
        )
        if ranks.first():
            told = {"several": ranks.several(), "losses": result.losses, "interrupted": result.interrupted}
            sys.stdout.write(json.dumps(told) + "\n")


def every_weight(dataset: Path, options: TrainOptions) -> dict[str, object]:
    """Optimizer steps on all weights of the network: their losses, and the share of the weights that lies here."""
    model = models.tiny()
    model.causal.requires_grad_(True)
    size = sum(weight.numel() for weight in model.causal.parameters())
    losses = ranks.shard(model)
    weights = list(model.causal.parameters())
    here = sum((getattr(weight, "to_local", lambda w=weight: w)()).numel() for weight in weights)
    optimizer = torch.optim.SGD(weights)  # unlike AdamW's, its steps tell a gradient from a multiple of it
    plan = schedule.plan(list(Encoder(model.tokenizer).samples(samples.each(dataset, "train"), 400)), options, 0)
    step = Stepper(losses, optimizer, weights, options)
    found = [step(batches, 0.02, n) for n, batches in enumerate(plan)]
    return {"several": ranks.several(), "losses": found, "share": here / size}


def full(dataset: str, options: str) -> None:
    with ranks.group():
        told = every_weight(Path(dataset), TrainOptions(**json.loads(options)))
        if ranks.first():
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    (learn if len(sys.argv) == 5 else full)(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # all is done: torch 2.13 sometimes aborts while gloo's threads are taken down with the interpreter
