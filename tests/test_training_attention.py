"""Several windows in one row: each is computed as if it were alone, whatever the architecture."""

import itertools
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from tests import training_models as models
from training import attention, model
from training.loss import losses_of
from training.model import LanguageModel

SHAPE: dict[str, Any] = {
    "vocab_size": 49152, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.3,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
STRETCHED = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
"""Turns other than it learned to where a position is beyond its longest, as in a row whose windows went on counting."""
WINDOWS = [[5 + (7 * i + j) % 400 for j in range(length)] for i, length in enumerate((9, 40, 1, 23))]


def network(family: str, **options: Any) -> LanguageModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        configured = {"Gemma3": "Gemma3Text"}.get(family, family)
        config = getattr(transformers, f"{configured}Config")(**SHAPE | options)
        causal = getattr(transformers, f"{family}ForCausalLM")(config)
    causal.requires_grad_(False)
    causal.eval()
    return LanguageModel(models.tokenizer(), causal, model.identify(family, "", models.tokenizer(), causal))


@pytest.mark.parametrize(
    ("family", "options", "way"),
    [
        ("Llama", {}, "documents"),
        ("Llama", {"max_position_embeddings": 48, "rope_parameters": STRETCHED}, "documents"),
        ("Qwen3", {}, "documents"),
        ("Mistral", {"sliding_window": 8}, "documents"),
        ("Gemma3", {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}, "documents"),
        ("Gemma2", {"sliding_window": 8, "attn_logit_softcapping": 5.0}, "rectangle"),
        ("Lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}, "rectangle"),
    ],
)
def test_each_window_has_the_hidden_states_it_has_alone(family: str, options: dict[str, Any], way: str) -> None:
    """Among them a network whose positions must begin anew, one that attends over its last tokens alone, one that caps
    scores, one that convolves."""
    which = network(family, **options)
    own = which.decoder.config._attn_implementation
    together = attention.hidden_states(which, WINDOWS)
    assert attention.way(which) == way
    assert which.decoder.config._attn_implementation == own, "what generates replies is left as it was"
    alone = torch.cat(
        [which.decoder(input_ids=torch.tensor([w]), use_cache=False).last_hidden_state[0] for w in WINDOWS]
    )
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_gradients_of_a_row_are_those_of_its_windows_alone() -> None:
    which = models.tiny()
    which.causal.get_input_embeddings().weight.requires_grad_(True)
    found = []
    for batches in ([WINDOWS], [[w] for w in WINDOWS]):
        which.causal.zero_grad()
        for batch in batches:
            attention.hidden_states(which, batch).square().sum().backward()
        found.append(which.causal.get_input_embeddings().weight.grad.clone())
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


class Largest(TorchDispatchMode):
    """Notes the most elements that any tensor had."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else [out]:
            if isinstance(each, torch.Tensor):
                self.elements = max(self.elements, each.numel())
        return out


def test_no_mask_over_the_whole_row_is_made() -> None:
    which = models.tiny()
    windows = [list(range(5, 25))] * 200
    attention.way(which)
    with torch.no_grad(), Largest() as largest:
        attention.hidden_states(which, windows)
    assert largest.elements < (200 * 20) ** 2 / 10


def test_losses_in_tiles_and_their_gradients_are_those_of_all_logits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    which = models.tiny()
    monkeypatch.setattr("training.loss.TILE", 7)
    hidden = torch.randn(40, 48)
    targets = torch.arange(40)
    weights = torch.linspace(0, 2, 40)
    found = []
    for trainable, whole in itertools.product((False, True), (False, True)):
        which.head.weight.requires_grad_(trainable)
        leaf = hidden.clone().requires_grad_()
        if whole:
            nll = torch.nn.functional.cross_entropy(which.head(leaf), targets, reduction="none")
        else:
            nll = losses_of(which.causal, which.head, leaf, targets)
        (nll * weights).sum().backward()
        found.append((nll.detach(), leaf.grad))
    for nll, gradient in found[1:]:
        torch.testing.assert_close(nll, found[0][0])
        torch.testing.assert_close(gradient, found[0][1])


def test_a_familys_own_changes_of_the_logits_are_in_the_loss() -> None:
    for family, options in (
        ("Gemma2", {"final_logit_softcapping": 3.0}),
        ("Granite", {"logits_scaling": 8.0}),
        ("FalconH1", {"lm_head_multiplier": 0.2, "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16}),
    ):
        which = network(family, **options)
        ids = torch.tensor([WINDOWS[1]])
        with torch.no_grad():
            logits = which.causal(input_ids=ids).logits[0, :-1]
            hidden = which.decoder(input_ids=ids, use_cache=False).last_hidden_state[0, :-1]
            found = losses_of(which.causal, which.head, hidden, ids[0, 1:])
        expected = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
        torch.testing.assert_close(found, expected)


def by_the_book(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    _: Tensor,
    longest: int,
    __: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] | None = None,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> Tensor:
    """What torch says of `varlen_attn`, window by window: [tokens, heads, size] in and out. It itself needs a GPU."""
    assert longest == int(ends.diff().max())
    left, right = window_size or (-1, 0 if is_causal else -1)
    parts = []
    for start, end in itertools.pairwise(ends.tolist()):
        q, k, v = (states[start:end].transpose(0, 1) for states in (query, key, value))
        back = torch.arange(end - start)[:, None] - torch.arange(end - start)
        seen = ((back <= left) | (left < 0)) & ((-back <= right) | (right < 0))
        assert enable_gqa or q.shape == k.shape
        attended = functional.scaled_dot_product_attention(q, k, v, seen, scale=scale, enable_gqa=enable_gqa)
        parts.append(attended.transpose(0, 1))
    return torch.cat(parts)


NEW, OLD = frozenset({"scale", "window_size", "enable_gqa"}), frozenset({"is_causal"})
"""The arguments of torch 2.13's kernel, and those of an older one."""


@pytest.mark.parametrize("takes", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("family", "options"), [("Llama", {}), ("Qwen3", {}), ("Mistral", {"sliding_window": 8})])
def test_what_the_varlen_kernel_is_given_are_the_windows_or_it_is_not_used(
    family: str, options: dict[str, Any], takes: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    which = network(family, **options)
    monkeypatch.setattr(attention, "_kernel", lambda: (by_the_book, takes))
    fit = takes is NEW or not options  # the older kernel knows no sliding window
    assert attention._agrees(which, "varlen") == fit
    if fit:
        with attention._switched(which, "varlen"):
            together = attention._row(which, WINDOWS)
        torch.testing.assert_close(together, attention._rectangle(which, WINDOWS), rtol=1e-4, atol=1e-4)


def test_a_varlen_kernel_that_is_wrong_or_not_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def across(*given: Any, **options: Any) -> Tensor:
        return by_the_book(*given[:3], torch.tensor([0, len(given[0])]), given[4], len(given[0]), 0, **options)

    def absent(*_: Any, **__: Any) -> Tensor:
        raise RuntimeError("no kernel image is available for execution on the device")

    which = network("Llama")
    for kernel in (across, absent):
        monkeypatch.setattr(attention, "_kernel", lambda kernel=kernel: (kernel, NEW))
        assert not attention._agrees(which, "varlen")
