"""Memory that runs out: how torch says so, and how to get back what can be had."""

import gc

import torch

_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "ALLOC_FAILED",
    "could not create a primitive",
)


def is_meant(error: BaseException) -> bool:
    """Whether this error says that memory ran out. CUDA has a class for it; on a CPU torch raises a bare RuntimeError,
    and what oneDNN says there names no memory at all."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    told = str(error)
    return isinstance(error, RuntimeError) and any(words in told for words in _WORDS)


def free() -> None:
    """Give back what nobody holds any more. To be called outside of the handler: an error holds the tensors of its
    frames."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
