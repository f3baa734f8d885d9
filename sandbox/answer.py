"""What a rule returns, as bytes: TL objects, booleans, and bare vectors, which Telethon has no class for."""

import struct
from typing import Any

TRUE, FALSE, VECTOR = 0x997275B5, 0xBC799737, 0x1CB5C415


def encode(answer: Any) -> bytes:
    """The body of an rpc_result."""
    if isinstance(answer, bool):
        return struct.pack("<I", TRUE if answer else FALSE)
    if isinstance(answer, list):
        head = struct.pack("<Ii", VECTOR, len(answer))
        if all(isinstance(item, int) for item in answer):
            return head + b"".join(struct.pack("<i", item) for item in answer)
        return head + b"".join(bytes(item) for item in answer)
    return bytes(answer)
