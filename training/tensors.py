"""A safetensors file written one tensor after the other, so that a state of many gigabytes is never in memory twice.

The format is a length of 8 bytes, a header in JSON, and the bytes of all tensors:
github.com/huggingface/safetensors#format
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from training import ranks

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a whole file or nothing, readable by its owner alone from the first byte.

    Every rank takes part with its shares of the tensors, and the first one writes.
    """
    if not ranks.first():
        for tensor in tensors.values():
            ranks.whole(tensor)
        return
    fresh = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_header(tensors))
            for tensor in tensors.values():
                file.write(ranks.whole(tensor).reshape(-1).view(torch.uint8).numpy().data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    told: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        told[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(told).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
