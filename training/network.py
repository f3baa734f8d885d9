"""A network whose every weight was trained, as a folder that any program reads: configuration, tokenizer, safetensors.

What it holds is as private as an adapter is, and it names no path of this machine.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.samples import write_private

if TYPE_CHECKING:
    from training.model import LanguageModel

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FILES = (
    WEIGHTS,
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
)
"""All that such a folder may hold of the network."""


def save(model: "LanguageModel", folder: Path) -> None:
    """Write the network into an existing folder, its weights in the precision that it computes in.

    Every rank takes part, and the first one writes.
    """
    from training import ranks, tensors

    tensors.write(folder / WEIGHTS, _weights(model.causal))
    if not ranks.first():
        return
    config = model.causal.config.to_dict() | {"_name_or_path": "", "torch_dtype": None}
    config["dtype"] = str(model.causal.dtype).removeprefix("torch.")
    write_private(folder / CONFIG, json.dumps({k: v for k, v in config.items() if v is not None}, indent=2))
    write_private(
        folder / "generation_config.json", model.causal.generation_config.to_json_string(ignore_metadata=True)
    )
    for path in map(Path, model.tokenizer.save_pretrained(folder)):
        path.chmod(0o600)


def _weights(network: Any) -> dict[str, Any]:
    """Each weight once: a head that is the embedding is found again by the configuration."""
    learned = dict(network.named_parameters())
    kept = {name: tensor for name, tensor in network.named_buffers() if name in network.state_dict()}
    return learned | kept
