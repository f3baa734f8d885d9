"""The tokenizer of a base model alone, for one that runs on another server: a few megabytes, no weights."""

from pathlib import Path
from typing import Any

from data.errors import ExitCode, UserError
from training import base as bases


def load(base: str, cache: Path) -> Any:
    """The tokenizer, from the base on this disk, else downloaded into `cache`.

    Raises `UserError`, exit code 3, where it cannot be had or has no chat template.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise UserError(
            f"The package {error.name} is missing.", "Run: pip install 'doppelgram[train]'", ExitCode.CONFIGURATION
        ) from error
    bases.quiet()
    folder = bases.find(base, cache).folder if base == bases.SMOLLM2 else bases.local(base, cache)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder or _download(base, cache), trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # the hub's, the network's and the files' own kinds
        raise UserError(
            f"The tokenizer of {base} could not be had ({type(error).__name__}).",
            "Check the name and the network, or set MODEL__BASE to a local folder.",
            ExitCode.CONFIGURATION,
        ) from error
    if not tokenizer.chat_template:
        raise UserError(
            f"The model {base} has no chat template.",
            "Use an instruct or chat model: a plain one does not know turns.",
            ExitCode.CONFIGURATION,
        )
    return tokenizer


def _download(base: str, cache: Path) -> Path:
    """Into a folder of its own: a model's folder without weights would pass for a broken model."""
    from huggingface_hub import snapshot_download

    name, _, revision = base.partition("@")
    folder = snapshot_download(
        repo_id=name,
        revision=revision or None,
        cache_dir=cache / "tokenizers",
        allow_patterns=["*.json", "*.jinja", "tokenizer.model", "*.txt"],
        ignore_patterns=["*/*", "*.safetensors.index.json"],
    )
    return Path(folder)
