"""A training of the tiny model that meets trouble. Not a test itself.

python -m tests.child_train kill DATASET OUT OPTIONS STEP     kills itself with SIGKILL after that step; a checkpoint
                                                              every second step
python -m tests.child_train tear DATASET OUT OPTIONS STEP     the same while it writes that checkpoint
python -m tests.child_train memory DATASET OUT OPTIONS BYTES  gets that much more memory than it has after loading
Prints the losses as one JSON list.
"""

import itertools
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from data.errors import UserError
from tests import training_models as models
from training import checkpoint, train
from training.schedule import TrainOptions


def main(trouble: str, dataset: str, out: str, options: str, number: int) -> None:
    torch.set_num_threads(1)
    model = models.tiny()
    ticks = itertools.count(0, train.CHECKPOINT_SECONDS / 8)  # the clock is asked four times a step
    losses: list[float] = []
    write = checkpoint.write_bytes

    def made(report: train.StepReport) -> None:
        losses.append(report.loss)
        sys.stdout.write(json.dumps(report.loss) + "\n")
        sys.stdout.flush()
        if trouble == "kill" and report.step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def torn(place: Path, content: bytes) -> None:
        if place.name.startswith("optimizer") and len(losses) >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        write(place, content)

    if trouble == "tear":
        checkpoint.write_bytes = torn  # type: ignore[attr-defined]
    if trouble == "memory":
        limit(number)
    rest: dict[str, Any] = {"now": lambda: next(ticks)} if trouble in ("kill", "tear") else {}
    try:
        train.train(model, Path(dataset), Path(out), TrainOptions(**json.loads(options)), made, **rest)
    except UserError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        sys.exit(1)


def limit(extra: int) -> None:
    """Everything that training imports is loaded before."""
    import peft  # noqa: F401
    import transformers.models.llama.modeling_llama  # noqa: F401

    torch.nn.functional.cross_entropy(torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1])).backward()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + extra, size + extra))


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
