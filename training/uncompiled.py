"""bitsandbytes without the compiler that it makes ready as it is imported."""

from collections.abc import Callable
from typing import Any


def load() -> bool:
    """Import bitsandbytes; whether it is installed. To be called before peft is imported, which imports it too.

    It has torch compile a few functions at their first call, for devices without kernels of their own. To prepare for
    that loads torch's whole compiler, 1.3 s of a processor of the 5.7 that a process with an adapter loads for; without
    a GPU the functions stay as they are, and hardly one is called.
    """
    import torch

    compiling: Any = torch.compile
    try:
        if not torch.cuda.is_available():
            torch.compile = _as_it_is  # type: ignore[assignment]
        import bitsandbytes  # noqa: F401
    except ImportError:
        return False
    finally:
        torch.compile = compiling
    return True


def _as_it_is(function: Any = None, **_: object) -> Callable[..., Any]:
    """In place of `torch.compile`, as a decorator with options or without."""
    return function or (lambda each: each)
