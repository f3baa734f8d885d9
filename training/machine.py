"""What a training runs on: memory, and how fast it multiplies. A table of GPUs, and this machine."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import ExitCode, UserError

GIB = 1 << 30
_CORE = 80e9
"""fp32 operations a second of a CPU core with AVX2: two units of 8 numbers that multiply and add, at 2.5 GHz.
Computed, as is all that `plan` says of time."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes; `rate` in operations a second, dense: bf16 with fp32 sums on a GPU, fp32 on a CPU."""

    name: str
    memory: int
    rate: float
    gpu: bool = True
    here: bool = False


_GPUS = {
    # name: GiB, 10^12 operations a second for dense bf16, as in NVIDIA's data sheets of November 2026; not measured
    "RTX 3060": (12, 25),
    "RTX 3080": (10, 60),
    "RTX 3090": (24, 71),
    "RTX 4060 Ti": (16, 44),
    "RTX 4070": (12, 58),
    "RTX 4080": (16, 97),
    "RTX 4090": (24, 165),
    "RTX 5070": (12, 62),
    "RTX 5080": (16, 113),
    "RTX 5090": (32, 210),
    "RTX A4000": (16, 77),
    "RTX A5000": (24, 111),
    "RTX A6000": (48, 155),
    "A10": (24, 125),
    "L4": (24, 121),
    "L40S": (48, 362),
    "A100 40GB": (40, 312),
    "A100 80GB": (80, 312),
    "H100": (80, 989),
    "H200": (141, 989),
}
NAMES = tuple(_GPUS)


def named(name: str) -> Machine:
    """A GPU of the table, however it is written. Raises `UserError` (exit 2) for another."""
    found = _match(name)
    if found is None:
        raise UserError(f"The GPU {name} is not in the table.", f"It knows {', '.join(NAMES)}.", ExitCode.USAGE)
    memory, rate = _GPUS[found]
    return Machine(found, memory * GIB, rate * 1e12)


def here() -> Machine:
    """The first GPU of this machine, else its CPU."""
    try:
        import torch
    except ImportError:
        return _cpu()
    if not torch.cuda.is_available():
        return _cpu()
    properties = torch.cuda.get_device_properties(0)
    known = _match(properties.name)
    rate = _GPUS[known][1] * 1e12 if known else _unknown_rate(properties)
    return Machine(properties.name, int(properties.total_memory), rate, here=True)


def _cpu() -> Machine:
    cores = os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not on every system
        memory = 8 * GIB
    return Machine(f"this CPU ({cores} cores)", memory, cores * _CORE, gpu=False, here=True)


def free_memory() -> int:
    """Bytes that programs may still take; 0 where the system does not tell, as only Linux does."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"MemAvailable:\s+(\d+) kB", told)
    return int(found[1]) * 1024 if found else 0


def _match(name: str) -> str | None:
    """The longest name of the table in this one: "NVIDIA GeForce RTX 4090" is an RTX 4090, an RTX 4080 no L4."""
    words = _words(name)
    fitting = [known for known in NAMES if _within(_words(known), words)]
    if not fitting and "a100" in words:  # both sizes are called that; a number of the size stands elsewhere
        return "A100 80GB" if any(word in words for word in ("80", "80gb", "80g")) else "A100 40GB"
    return max(fitting, key=len, default=None)


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.casefold().replace("rtx", "rtx ").replace(" gb", "gb"))


def _within(some: list[str], words: list[str]) -> bool:
    return any(words[start : start + len(some)] == some for start in range(len(words))) and not (
        "ti" in words and "ti" not in some
    )


def _unknown_rate(properties: object) -> float:
    """Operations of a GPU that is not in the table. An assumption: 512 a cycle and multiprocessor, at 1.5 GHz."""
    return float(getattr(properties, "multi_processor_count", 40)) * 512 * 1.5e9
