"""One NVIDIA GPU: QLoRA and replies in 7B and 8B shapes against the recipe that this project started from, a plain
Trainer, TRL, and `generate`.

    python -m bench.gpu --part parity|train|decode|rivals [--shape mistral-7b] [--out raw.json]

Random weights, nothing is downloaded, no network is needed. Each part prints one JSON object, and is meant to take less
than eight minutes on one H100 or H200; no GPU has run it yet. What is not there (a package, a kernel) is looked for
first, and said to be "not measured". `--tiny` goes the same way with tiny networks on whatever there is, a CPU too, to
show that it runs; its numbers mean nothing.
"""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench import decoding, features, qlora
from bench.features import Bench, NotMeasuredError

PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "parity": qlora.parity,
    "train": qlora.train,
    "decode": decoding.decode,
    "rivals": qlora.rivals,
}


def main() -> None:
    """Print the figures of one part as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--shape", choices=("mistral-7b", "llama-3.1-8b"), default="mistral-7b")
    parser.add_argument("--rounds", type=int, default=2, help="of all sides, in turns")
    parser.add_argument("--out", type=Path, help="a file for every single measurement")
    parser.add_argument("--tiny", action="store_true", help="the same way with tiny networks, on a CPU too")
    options = parser.parse_args()
    bench = Bench("tiny" if options.tiny else options.shape, options.rounds, _device(options.tiny), options.tiny)
    figures = measure(options.part, bench)
    if options.out:
        options.out.write_text(json.dumps(figures | {"raw": bench.raw}, indent=1) + "\n")
    print(json.dumps(figures, indent=2))


def measure(part: str, bench: Bench) -> dict[str, Any]:
    """The figures of a part, with what they were measured on."""
    try:
        found = PARTS[part](bench)
    except NotMeasuredError as missing:
        found = {"not_measured": {part: str(missing)}}
    return {
        "part": part,
        "shape": bench.shape,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": features.device_name(bench.device),
        "versions": features.versions(),
        "features": features.present(bench.device),
        **found,
    }


def _device(tiny: bool) -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if not tiny:
        raise SystemExit("bench.gpu: no GPU here. --tiny shows that it runs, without one.")
    return torch.device("cpu")


if __name__ == "__main__":
    main()
