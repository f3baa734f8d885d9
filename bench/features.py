"""What the machine has that a benchmark on a GPU depends on: looked for, never taken for granted."""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "trl", "unsloth", "vllm")


class NotMeasuredError(Exception):
    """Something is not there. Its text says what."""


@dataclass(slots=True)
class Bench:
    """One run: the shape of the networks, how often each side has its turn, where, and every single measurement."""

    shape: str
    rounds: int
    device: torch.device
    tiny: bool
    raw: list[dict[str, Any]] = field(default_factory=list)

    def note(self, side: str, **values: Any) -> dict[str, Any]:
        """Keep a measurement."""
        self.raw.append({"side": side, **values})
        return values

    def timed(self, work: Callable[[], Any]) -> tuple[Any, float]:
        """What it returns, and seconds until the device has done it."""
        self._settle()
        began = time.perf_counter()
        made = work()
        self._settle()
        return made, time.perf_counter() - began

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def fresh(self) -> None:
        """Forget the peak of memory so far, and give back what nobody uses."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int | None:
        """Bytes that tensors took at the most since `fresh`; None on a CPU."""
        return int(torch.cuda.max_memory_allocated()) if self.device.type == "cuda" else None


def demand(package: str) -> None:
    """Raises `NotMeasuredError` without this package."""
    if importlib.util.find_spec(package) is None:
        raise NotMeasuredError(f"the package {package} is not installed")


def device_name(device: torch.device) -> str:
    """The GPU's name, or `cpu`."""
    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else "cpu"


def versions() -> dict[str, str | None]:
    """Of the packages that matter, and of CUDA; None for what is not there."""
    return {name: _version(name) for name in PACKAGES} | {"cuda": torch.version.cuda}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def present(device: torch.device) -> dict[str, bool]:
    """What there is here for our side to use. How it attends in the end a check on the loaded network decides: the key
    `attention` of the parts that train."""
    return {
        "varlen_attention": device.type == "cuda" and _finds("torch.nn.attention.varlen"),
        "cuda_graphs": device.type == "cuda",
        "paged_adamw_8bit": device.type == "cuda" and _version("bitsandbytes") is not None,
        "fused_adamw": True,
    }


def _finds(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
