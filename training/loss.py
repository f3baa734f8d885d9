"""Negative log-likelihood of the owner's tokens, computed at those positions only.

The head of a small model is a fifth of its arithmetic and most of its memory; two thirds of the positions carry no
loss. So hidden states are picked out before the head (as in Apple's cut-cross-entropy and TRL's `chunked_nll`), and
the head runs over them in tiles. Text and format (message boundaries, turn ends) are summed apart.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from training.encode import Kind
from training.model import LanguageModel
from training.packing import MicroBatch

TILE = 1024
"""Rows of logits that exist at a time: 200 MB in fp32 with a vocabulary of 49k."""


@dataclass(frozen=True, slots=True)
class TokenLosses:
    """Per token that carries loss, window by window and left to right: its loss in nats, kind, window and turn."""

    nll: Tensor
    kinds: Tensor
    windows: Tensor
    turns: Tensor
    weights: Tensor
    """What each counts in training, as its turn does. Measuring counts all alike."""

    def weighted(self, format_weight: float) -> Tensor:
        """The sum over text and format, a format token counting `format_weight`, each as much as its turn, with its
        gradient."""
        return (self.nll * self.weights * torch.where(self.kinds == Kind.TEXT, 1.0, format_weight)).sum()

    def of(self, kind: Kind) -> tuple[float, int]:
        """Sum in nats and count of one kind."""
        chosen = self.nll.detach()[self.kinds == kind]
        return float(chosen.double().sum()), int(chosen.numel())


def token_losses(model: LanguageModel, batch: MicroBatch) -> TokenLosses:
    """The losses of one micro-batch. The first token of a window is never a target: nothing precedes it."""
    width, windows = batch.width, batch.windows
    # Padding is never looked at by a real token and never carries loss, so any valid id does.
    ids = torch.tensor([[*w.ids, *([0] * (width - len(w.ids)))] for w in windows], device=model.device)
    kinds = torch.tensor([[*w.kinds, *([0] * (width - len(w.ids)))] for w in windows], device=model.device)
    turns = torch.tensor([[*w.turns, *([-1] * (width - len(w.ids)))] for w in windows], device=model.device)
    hidden = model.decoder(input_ids=ids, use_cache=False).last_hidden_state
    rows, places = (kinds[:, 1:] != Kind.CONTEXT).nonzero(as_tuple=True)
    wanted = hidden[rows, places]
    targets = ids[rows, places + 1]
    parts = [
        _tile(model.head, wanted[start : start + TILE], targets[start : start + TILE])
        for start in range(0, len(targets), TILE)
    ]
    nll = torch.cat(parts) if parts else hidden.new_zeros(0)
    told = turns[rows, places + 1]
    weights = [windows[row].weights.get(turn, 1.0) for row, turn in zip(rows.tolist(), told.tolist(), strict=True)]
    return TokenLosses(nll, kinds[rows, places + 1], rows, told, nll.new_tensor(weights))


def _tile(head: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    if not torch.is_grad_enabled() or len(targets) < TILE:
        return _nll(head, hidden, targets)
    # With several tiles the logits of each are computed again for its gradient, so one tile exists at a time.
    result: Tensor = checkpoint(_nll, head, hidden, targets, use_reentrant=False)
    return result


def _nll(head: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(head(hidden).float(), targets, reduction="none")
