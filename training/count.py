"""How many tokens the owner's words are: what a dataset weighs, without loading a model."""

from collections.abc import Callable, Sequence
from pathlib import Path

from data.errors import UserError
from data.samples import Sample
from training import base
from training.encode import CONTEXT_TOKENS, Encoder, Kind


def tokens(folder: Path, dataset: Sequence[Sample], progress: Callable[[float], None] = lambda _: None) -> int | None:
    """Tokens of text that training learns from, by the tokenizer in the folder of a base model.

    `progress` is told the share, 0..1. None where the packages of training are missing, or the tokenizer does not fit.
    """
    try:
        from transformers import AutoTokenizer

        base.quiet()
        encoder = Encoder(AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True))
    except (ImportError, OSError, ValueError, UserError):  # `train` says what is wrong with it
        return None
    count = 0
    for done, encoded in enumerate(encoder.samples(dataset, CONTEXT_TOKENS)):
        progress(done / len(dataset))
        count += encoded.kinds.count(Kind.TEXT)
    return count
