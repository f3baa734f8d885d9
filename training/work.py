"""What there is to learn: how many tokens a pass over a dataset reads, and how they lie. Without torch.

Counted with a tokenizer where the base's is on this disk, else estimated from characters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import samples, transcript
from data.errors import UserError
from data.samples import Sample
from training import base
from training.encode import CONTEXT_TOKENS, Encoded, Encoder

CHARACTERS = 4
"""Of a token, about: 4.3 in English with a large vocabulary, fewer in most other languages."""
BLOCK_TOKENS = 5
"""That a chat template puts around each side's words."""


@dataclass(frozen=True, slots=True)
class Work:
    """Tokens of one pass, the share of them that carries loss, the longest window and the mean one, in tokens."""

    tokens: int
    loss_share: float
    context: int
    mean: float
    known_by: str = "assumed"
    """`counted` with a tokenizer, `estimated` from characters, or `assumed` for want of a dataset."""


ASSUMED = Work(tokens=1_000_000, loss_share=0.4, context=1024, mean=600)
"""Stands in where nothing is built yet."""


def learned(windows: Sequence[Encoded]) -> Work:
    """The work that these windows are, each with tokens that carry loss."""
    sizes = [len(window.ids) for window in windows]
    tokens, loss = sum(sizes), sum(window.loss_tokens for window in windows)
    return Work(tokens, loss / tokens, max(sizes), tokens / len(sizes), "counted")


def of(dataset: Path, tokenizer: Path | None, progress: Callable[[float], None] = lambda _: None) -> Work:
    """The work that training on this dataset is, by the tokenizer in the folder of a base model.

    `progress` is told the share, 0..1. Raises `UserError` for a dataset that cannot be read or holds nothing to learn.
    """
    total = samples.read_card(dataset).split.get("train", 0)
    encoder = _encoder(tokenizer)
    tokens = loss = windows = longest = 0
    sizes = _counted(encoder, dataset) if encoder else map(_estimated, samples.each(dataset, "train"))
    for done, (size, learned) in enumerate(sizes):
        progress(done / max(1, total))
        if learned:
            windows, tokens, loss, longest = windows + 1, tokens + size, loss + learned, max(longest, size)
    if not windows:
        raise UserError("The dataset holds no message of yours to learn from.", "Run: doppelgram pull, then build")
    return Work(tokens, loss / tokens, longest, tokens / windows, "counted" if encoder else "estimated")


def _encoder(tokenizer: Path | None) -> Encoder | None:
    if tokenizer is None:
        return None
    try:
        from transformers import AutoTokenizer

        base.quiet()
        return Encoder(AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False, local_files_only=True))
    except (ImportError, OSError, ValueError, UserError):  # `train` says what is wrong with it
        return None


def _counted(encoder: Encoder, dataset: Path) -> Iterator[tuple[int, int]]:
    for encoded in encoder.part(dataset, "train", CONTEXT_TOKENS):
        yield len(encoded.ids), encoded.loss_tokens


def _estimated(sample: Sample) -> tuple[int, int]:
    """Tokens of a window up to the last that is learned, and how many are."""
    turns = sample.transcript.turns
    size = learned = last = 0
    for block in transcript.render(sample.transcript):
        own = sum(len(piece.text) for piece in block.pieces) / CHARACTERS
        size += round(own) + BLOCK_TOKENS
        if (
            block.turn is not None
            and block.turn >= sample.fresh
            and turns[block.turn].mine
            and turns[block.turn].target
        ):
            learned, last = learned + round(own) + 1, size
    return min(last, CONTEXT_TOKENS), learned
