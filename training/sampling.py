"""What may be written next, and which of it is: the rules of a reply as masks over the vocabulary, and the draw.

A reply holds no control token but its end and no message without a word, so it cannot end, or begin a new message,
before something was said.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.encode import Encoder


class Rules:
    """The masks for one tokenizer. A message that is `blank` has no word yet."""

    def __init__(self, encoder: Encoder, tokenizer: Any, vocabulary: int) -> None:
        texts = _texts(tokenizer)[:vocabulary]
        self._end = encoder.end
        lines = [text.split("\n") for text in texts]
        self._breaks = [len(line) > 1 for line in lines]
        self._ends_blank = [not line[-1].strip() for line in lines]
        self._never = torch.zeros(vocabulary, dtype=torch.bool)
        self._never[[i for i in encoder.special if i < vocabulary]] = True
        # A network's vocabulary is often padded to a round number: rows that no text encodes to.
        self._never[len(texts) :] = True
        self._never[[i for i, line in enumerate(lines) if any(not inner.strip() for inner in line[1:-1])]] = True
        self._never_blank = self._never.clone()
        self._never_blank[[i for i, line in enumerate(lines) if len(line) > 1 and not line[0].strip()]] = True
        self._never_blank[self._end] = True
        self._never[self._end] = False

    def allowed(self, logits: Tensor, blank: bool) -> Tensor:
        """The logits [vocabulary] with what may not come now at minus infinity."""
        return logits.masked_fill(self._never_blank if blank else self._never, -torch.inf)

    def is_blank(self, token: int, blank: bool) -> bool:
        """Whether the message is without a word after this token."""
        return self._ends_blank[token] and (blank or self._breaks[token])


@lru_cache(maxsize=2)
def _texts(tokenizer: Any) -> list[str]:
    every = [[i] for i in range(len(tokenizer))]
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return [str(tokenizer.decode(each, clean_up_tokenization_spaces=False)) for each in every]
    return list(backend.decode_batch(every, skip_special_tokens=True))


def draw(logits: Tensor, temperature: float, top_p: float, chance: torch.Generator) -> int:
    """One token of logits [vocabulary] by nucleus sampling (Holtzman et al., 2020): the likeliest tokens that make up
    `top_p` together. Temperature 0 takes the likeliest always."""
    if temperature <= 0:
        return int(logits.argmax())
    likely = (logits / temperature).softmax(-1).numpy()
    tokens = _nucleus(likely, top_p)
    return int(tokens[_first(likely[tokens], tokens, chance)])


def _nucleus(likely: np.ndarray, top_p: float) -> np.ndarray:
    """The likeliest tokens that make up `top_p` together, and any as likely as the least of them. numpy sorts values
    ten times as fast as torch does with their places; the least value says which they are."""
    falling = np.sort(likely)[::-1]
    before = falling.cumsum(dtype=np.float64) - falling
    least = falling[np.count_nonzero(before < top_p) - 1]
    tokens: np.ndarray = np.flatnonzero((likely >= least) & (likely > 0))
    return tokens


def _first(weights: np.ndarray, tokens: np.ndarray, chance: torch.Generator) -> int:
    """Which place comes first in a race of exponential clocks, each running as fast as its weight.

    Chance belongs to the tokens, not to their ranks: of two that are equally likely, rounding decides which is first.
    Each token's clock is mixed from one number of the generator (SplitMix64; Steele et al., 2014), so that a draw takes
    as long as its nucleus is large, and not the vocabulary.
    """
    key = np.uint64(int(torch.randint(2**63 - 1, (), generator=chance)))
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    share = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64)
    clocks = -np.log((share + 0.5) * 2.0**-53)
    return int((clocks / weights).argmin())
