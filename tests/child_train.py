"""A training of the tiny model that meets trouble. Not a test itself.

python -m tests.child_train kill DATASET OUT OPTIONS STEP     kills itself with SIGKILL after that step; a checkpoint
                                                              every second step
python -m tests.child_train tear DATASET OUT OPTIONS STEP     the same while it writes that checkpoint
python -m tests.child_train memory DATASET OUT OPTIONS BYTES  gets that much more memory than it has after encoding
python -m tests.child_train hold DATASET OUT OPTIONS 0        gets none at all
python -m tests.child_train step DATASET OUT OPTIONS STEP     gets no more memory once the optimizer makes that step; a
                                                              checkpoint every second step
Prints the losses as one JSON list.
"""

import itertools
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from data.errors import UserError
from tests import training_models as models
from training import checkpoint, loop, train, uncompiled
from training.schedule import TrainOptions


def main(trouble: str, dataset: str, out: str, options: str, number: int) -> None:
    torch.set_num_threads(1)
    model = models.tiny()
    if trouble == "step":
        model.causal.bfloat16()  # so that the optimizer has something to make room for: fp32 copies of the gradients
        register_optimizer_step_pre_hook(starving(number))
    ticks = itertools.count(0, loop.CHECKPOINT_SECONDS / 8)  # the clock is asked four times a step
    losses: list[float] = []
    write = checkpoint.write_tensors

    def made(report: train.StepReport) -> None:
        losses.append(report.loss)
        assert "torch._inductor.compile_fx" not in sys.modules, "a training on a CPU waits for no compiler"
        sys.stdout.write(json.dumps(report.loss) + "\n")
        sys.stdout.flush()
        if trouble == "kill" and report.step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def torn(place: Path, tensors: dict[str, Any]) -> None:
        if place.name.startswith("optimizer") and len(losses) >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        write(place, tensors)

    if trouble == "tear":
        checkpoint.write_tensors = torn  # type: ignore[attr-defined]
    if trouble in ("memory", "hold"):
        make = train.Loop

        def made_short(*inputs: Any) -> loop.Loop:
            """By now all is encoded: a tokenizer without memory is a process without a last word."""
            starve() if trouble == "hold" else limit(number)
            return make(*inputs)

        train.Loop = made_short  # type: ignore[assignment,misc]
    # The limits were measured in fp32, and the halves of a step are compared more closely than bf16 rounds.
    exactly = models.fp32() if trouble == "memory" else nullcontext()
    rest: dict[str, Any] = {"now": lambda: next(ticks)} if trouble in ("kill", "tear", "step") else {}
    try:
        with exactly:
            train.train(model, Path(dataset), Path(out), TrainOptions(**json.loads(options)), made, **rest)
    except UserError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        sys.exit(1)


def starving(number: int) -> Callable[..., None]:
    """A hook before each step of any optimizer: at the last one it takes the memory away."""
    steps = itertools.count(1)

    def hook(*_: object) -> None:
        if next(steps) == number:
            starve()

    return hook


def starve() -> None:
    """Leave no room for a tensor of a megabyte. The allocator has set some aside that no limit reaches."""
    limit(0)
    for size in (1 << 26, 1 << 23, 1 << 20):
        try:
            while True:
                _HOARD.append(torch.empty(size, dtype=torch.uint8))
        except RuntimeError:
            pass


_HOARD: list[torch.Tensor] = []


def limit(extra: int) -> None:
    """Everything that training imports is loaded before."""
    uncompiled.load()
    import peft  # noqa: F401
    import transformers.models.llama.modeling_llama  # noqa: F401

    torch.nn.functional.cross_entropy(torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1])).backward()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + extra, size + extra))


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
