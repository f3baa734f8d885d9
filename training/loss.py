"""Negative log-likelihood of the owner's tokens, computed at those positions only.

The head of a small model is a fifth of its arithmetic and most of its memory; two thirds of the positions carry no
loss. So hidden states are picked out before the head (as in Apple's cut-cross-entropy and TRL's `chunked_nll`), and
the head runs over them in tiles whose gradient is taken at once, so that one tile of logits exists at a time. Text and
format (message boundaries, turn ends) are summed apart.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from training import attention
from training.encode import Kind
from training.model import LanguageModel
from training.packing import MicroBatch

TILE = 512
"""Rows of logits that exist at a time: 100 MB in fp32 with a vocabulary of 49k."""


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
    told = [
        (start + place - 1, window.ids[place], window.kinds[place], number, window.turns[place])
        for number, (start, window) in enumerate(_starts(batch))
        for place in range(1, len(window.ids))
        if window.kinds[place] != Kind.CONTEXT
    ]
    weights = [batch.windows[number].weights.get(turn, 1.0) for *_, number, turn in told]
    before, targets, kinds, windows, turns = torch.tensor(told, device=model.device).reshape(-1, 5).unbind(1)
    hidden = attention.hidden_states(model, [window.ids for window in batch.windows])
    nll = losses_of(model.causal, model.head, hidden[before], targets)
    return TokenLosses(nll, kinds, windows, turns, nll.new_tensor(weights))


def _starts(batch: MicroBatch) -> list[tuple[int, Any]]:
    found, start = [], 0
    for window in batch.windows:
        found.append((start, window))
        start += len(window.ids)
    return found


def losses_of(causal: Any, head: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    """Losses [n] in nats of `targets` [n] after the hidden states [n, hidden], in tiles of the head's logits."""
    shape = _shape_of_scores(causal.config)
    if not torch.is_grad_enabled() or not hidden.requires_grad:
        tiles = zip(hidden.split(TILE), targets.split(TILE), strict=True)
        return torch.cat([_nll(head, shape, *tile) for tile in tiles]) if len(targets) else hidden.new_zeros(0)
    if any(parameter.requires_grad for parameter in head.parameters()):
        # The head learns too: the logits of each tile are computed again for its gradients.
        parts = [
            checkpoint(_nll, head, shape, states, wanted, use_reentrant=False)
            for states, wanted in zip(hidden.split(TILE), targets.split(TILE), strict=True)
        ]
        return torch.cat(parts)
    result: Tensor = _Tiled.apply(head, shape, hidden, targets)
    return result


class _Tiled(torch.autograd.Function):
    """With a frozen head, a token's gradient is its loss's times a row that the forward pass can already take from the
    tile at hand: nothing is computed twice, and no logits outlive their tile."""

    @staticmethod
    def forward(ctx: Any, head: Any, shape: tuple[float, float], hidden: Tensor, targets: Tensor) -> Tensor:
        losses, slopes = [], []
        for states, wanted in zip(hidden.split(TILE), targets.split(TILE), strict=True):
            with torch.enable_grad():
                leaf = states.detach().requires_grad_()
                nll = _nll(head, shape, leaf, wanted)
                nll.sum().backward(inputs=[leaf])
            assert leaf.grad is not None
            slopes.append(leaf.grad)
            losses.append(nll.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (slopes,) = ctx.saved_tensors
        return None, None, slopes * gradients[0][:, None].to(slopes.dtype), None


def _nll(head: Any, shape: tuple[float, float], hidden: Tensor, targets: Tensor) -> Tensor:
    scale, cap = shape
    scores = head(hidden).float()
    if scale != 1.0:
        scores = scores * scale
    if cap:
        scores = cap * torch.tanh(scores / cap)
    return functional.cross_entropy(scores, targets, reduction="none")


def _shape_of_scores(config: Any) -> tuple[float, float]:
    """What some families do to the head's output: a factor (Granite, Cohere) and a soft cap (Gemma 2), 0 for none."""
    text = config.get_text_config()
    factors = (getattr(text, "logit_scale", None), getattr(text, "lm_head_multiplier", None))
    scale = math.prod(factor for factor in factors if factor is not None)
    divisor = getattr(text, "logits_scaling", None) or 1.0
    return scale / divisor, float(getattr(text, "final_logit_softcapping", None) or 0.0)
