"""What mixed precision saves of a processor with units for bf16: reading windows with an adapter, and a step of
training.

    python -m bench.precision [--rounds N]

Needs the extras `train` and `demo`. SmolLM2-135M on one thread, windows of one person of the corpus; with the products
of frozen weights in bf16 and with all in fp32, in turns.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from bench import sides
from training import precision
from training.model import LanguageModel
from training.packing import MicroBatch


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.precision", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options, loaded = parser.parse_args(), sides.small_model()
    print(json.dumps(measured(loaded, sides.windows(loaded), options.rounds)))


def measured(network: LanguageModel, batches: Sequence[MicroBatch], rounds: int) -> dict[str, Any]:
    """The figures of `sides.compare`, and whether this CPU has such units."""
    sides.put_lora(network)
    both: dict[str, sides.Side] = {"mixed": lambda: precision.mixed(network), "fp32": nullcontext}
    return {"units": precision.has_units()} | sides.compare(network, batches, both, rounds)


if __name__ == "__main__":
    main()
