"""Hidden states of many windows in one forward pass, none of which ever sees another one.

Windows lie one after another in a single row, so nothing is padding, and each layer attends within each window alone:
with torch's varlen kernel where the GPU has it, else window by window with scaled dot-product attention. No mask over
the whole row is ever made. What an architecture cannot do that way (recurrence over the row, soft-capped scores)
is computed in rectangles, padded on the right, by the network's own attention. A check on the loaded network chooses.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from training.model import LanguageModel

Way = Literal["varlen", "documents", "rectangle"]
_NAMES: dict[Way, str] = {"varlen": "doppelgram_varlen", "documents": "doppelgram_documents"}
_CHOSEN: WeakKeyDictionary[Any, Way] = WeakKeyDictionary()
_LIMITS = {torch.float32: 1e-3, torch.float64: 1e-6}
"""How far, relative to its length, a token's last hidden state may lie from the network's own. Half precision rounds
to about 0.02 over a deep network; a window that sees its neighbour is off by several tenths."""


def hidden_states(model: LanguageModel, windows: Sequence[Sequence[int]]) -> Tensor:
    """The decoder's last hidden states [tokens, hidden] of windows of ids, one window after another."""
    how = way(model)
    if how == "rectangle":
        return _rectangle(model, windows)
    with packed(model):
        return _row(model, windows)


def way(model: LanguageModel) -> Way:
    """How this network computes several windows at once. Checked on the first call for a network, then known."""
    if model.causal not in _CHOSEN:
        tried: list[Way] = ["varlen", "documents"] if model.device.type == "cuda" else ["documents"]
        _CHOSEN[model.causal] = next((each for each in tried if _agrees(model, each)), "rectangle")
    return _CHOSEN[model.causal]


@contextmanager
def packed(model: LanguageModel) -> Iterator[None]:
    """Within this context the network attends within windows. It must outlast the backward pass where activations are
    computed again."""
    with _switched(model, _CHOSEN.get(model.causal, "rectangle")):
        yield


@contextmanager
def _switched(model: LanguageModel, how: Way) -> Iterator[None]:
    config = model.decoder.config
    before = config._attn_implementation
    if how != "rectangle":
        _register()
        config._attn_implementation = _NAMES[how]
    try:
        yield
    finally:
        config._attn_implementation = before


def _row(model: LanguageModel, windows: Sequence[Sequence[int]]) -> Tensor:
    lengths = [len(window) for window in windows]
    ids = torch.tensor([[i for window in windows for i in window]], device=model.device)
    places = torch.cat([torch.arange(length) for length in lengths])[None].to(model.device)
    hidden: Tensor = model.decoder(
        input_ids=ids, position_ids=places, use_cache=False, **_layout(model, lengths)
    ).last_hidden_state
    return hidden[0]


def _rectangle(model: LanguageModel, windows: Sequence[Sequence[int]]) -> Tensor:
    # Attention is causal and the padding stands on the right: no real token looks at it, so any valid id will do and
    # no mask is needed.
    width = max(len(window) for window in windows)
    ids = torch.tensor([[*window, *([0] * (width - len(window)))] for window in windows], device=model.device)
    hidden = model.decoder(input_ids=ids, use_cache=False).last_hidden_state
    return torch.cat([hidden[row, : len(window)] for row, window in enumerate(windows)])


def _layout(model: LanguageModel, lengths: Sequence[int]) -> Mapping[str, Any]:
    """What the attention functions are told: made once for a micro-batch, and not again in each layer."""
    if model.decoder.config._attn_implementation == _NAMES["documents"]:
        return {"window_lengths": list(lengths)}
    # No list for the kernel: compiled code would be made anew for each other one.
    ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return {"window_ends": ends.to(model.device), "longest_window": max(lengths)}


def _agrees(model: LanguageModel, how: Way) -> bool:
    """Whether two windows side by side get the hidden states that the network's own attention gives each alone."""
    windows = [range(11, 20), range(23, 30)]
    training = model.causal.training
    model.causal.eval()
    try:
        with torch.no_grad():
            expected = torch.cat([_rectangle(model, [list(window)]) for window in windows])
            with _switched(model, how):
                found = _row(model, [list(window) for window in windows])
    except (RuntimeError, TypeError, ValueError, KeyError, NotImplementedError, ImportError):
        return False
    finally:
        model.causal.train(training)
    apart = (found - expected).float().norm(dim=-1) / expected.float().norm(dim=-1).clamp_min(1e-9)
    return float(apart.mean()) <= _LIMITS.get(expected.dtype, 0.08)


@cache
def _register() -> None:
    from transformers.modeling_utils import AttentionInterface

    AttentionInterface.register(_NAMES["documents"], _documents)
    AttentionInterface.register(_NAMES["varlen"], _varlen)


def _documents(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    window_lengths: Sequence[int] = (),
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: [1, heads, tokens, size] in, [1, tokens, heads, size] out."""
    _refuse_unknown(bool(window_lengths), attention_mask, others)
    parts = []
    for q, k, v in zip(*(states.split(list(window_lengths), dim=2) for states in (query, key, value)), strict=True):
        mask = _band(q.shape[2], sliding_window, q.device) if sliding_window and q.shape[2] > sliding_window else None
        parts.append(
            functional.scaled_dot_product_attention(
                q, k, v, mask, dropout, is_causal=mask is None, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]
            )
        )
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def _band(length: int, width: int, device: Any) -> Tensor:
    """Which of the last `width` tokens, itself among them, each token sees."""
    back = torch.arange(length, device=device)[:, None] - torch.arange(length, device=device)
    return (back >= 0) & (back < width)


def _varlen(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    window_ends: Tensor | None = None,
    longest_window: int = 0,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The same through FlashAttention as torch ships it (2.10 and newer), for half precision on CUDA."""
    _refuse_unknown(window_ends is not None, attention_mask, others)
    if dropout:
        raise NotImplementedError("attention dropout")
    attend, takes = _kernel()
    if sliding_window and "window_size" not in takes:
        raise NotImplementedError("a sliding window")
    options: dict[str, Any] = {"scale": scaling} if "scale" in takes else {}
    if "window_size" in takes:
        options["window_size"] = (sliding_window - 1 if sliding_window else -1, 0)
    else:
        options["is_causal"] = True
    if query.shape[1] != key.shape[1]:
        if "enable_gqa" in takes:
            options["enable_gqa"] = True
        else:
            share = query.shape[1] // key.shape[1]
            key, value = (states.repeat_interleave(share, dim=1) for states in (key, value))
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    return attend(q, k, v, window_ends, window_ends, longest_window, longest_window, **options)[None], None


@cache
def _kernel() -> tuple[Any, frozenset[str]]:
    """torch's function, and the arguments that it takes: they differ from release to release."""
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn, frozenset(inspect.signature(varlen_attn).parameters)


def _refuse_unknown(told: bool, mask: Tensor | None, others: Mapping[str, Any]) -> None:
    """Scores that are changed in a way these functions do not know would be silently wrong. The check hears of it."""
    unknown = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if not told or mask is not None or unknown:
        raise NotImplementedError(f"attention with {unknown or 'a mask, or without lengths'}")
