"""What LoRA in place saves of a processor: reading windows with an adapter, and a step of training.

    python -m bench.lora [--rounds N]

Needs the extras `train` and `demo`. SmolLM2-135M in fp32 on one thread, windows of one person of the corpus; our layers
and peft's in turns on the same weights.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from peft.tuners.lora import Linear

from bench import sides
from training.model import LanguageModel
from training.packing import MicroBatch


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.lora", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options, loaded = parser.parse_args(), sides.small_model()
    print(json.dumps(measured(loaded, sides.windows(loaded), options.rounds)))


def measured(network: LanguageModel, batches: Sequence[MicroBatch], rounds: int) -> dict[str, Any]:
    """The figures of `sides.compare`."""
    sides.put_lora(network)
    layers = [each for each in network.adapted.modules() if isinstance(each, Linear)]
    ours = type(layers[0])

    def side(kind: type[Linear]) -> AbstractContextManager[None]:
        for layer in layers:
            layer.__class__ = kind
        return nullcontext()

    return sides.compare(network, batches, {"ours": lambda: side(ours), "peft": lambda: side(Linear)}, rounds)


if __name__ == "__main__":
    main()
