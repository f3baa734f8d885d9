"""Activations that are computed twice: the same losses and gradients, for less memory."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import plan as bench
from data import samples
from tests import training_models as models
from training import adapter, attention, packing, recompute, train
from training.encode import Encoder
from training.fit import MODES, Checkpointing, Method, Shape
from training.loss import token_losses
from training.model import LanguageModel
from training.schedule import TrainOptions

SMALL = Shape(6, 128, 128, 64, 4, 448, 2048, tied=False)


def gradients(language: LanguageModel, mode: Checkpointing) -> tuple[float, dict[str, torch.Tensor], Counter[int]]:
    """Loss and gradients of a micro-batch of several windows, and how often each layer was computed for them."""
    computed: Counter[int] = Counter()
    encoder = Encoder(language.tokenizer)
    batch = packing.MicroBatch(tuple(encoder.sample(sample, 4096) for sample in models.windows(3)))
    assert attention.way(language) == "documents"
    hooks = [
        layer.self_attn.q_proj.register_forward_pre_hook(lambda *_, place=place: computed.update([place]))
        for place, layer in enumerate(language.decoder.layers)
    ]
    language.causal.train()
    recompute.layers(language, mode)
    torch.manual_seed(1)
    loss = token_losses(language, batch).weighted(0.2)
    loss.backward()  # type: ignore[no-untyped-call]
    for hook in hooks:
        hook.remove()
    found = {name: p.grad.clone() for name, p in language.causal.named_parameters() if p.grad is not None}
    return float(loss.detach()), found, computed


@pytest.mark.parametrize(("mode", "times"), [("partial", [2, 1]), ("full", [2, 2])])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_losses_and_gradients_are_the_same_and_the_layers_are_computed_twice(
    method: Method, mode: Checkpointing, times: list[int]
) -> None:
    def fresh() -> LanguageModel:
        language = models.tiny()
        train._prepare(language, TrainOptions(method=method, dropout=0.3, rank=4))
        return language

    once, wanted, plain = gradients(fresh(), "off")
    twice, found, computed = gradients(fresh(), mode)
    assert (plain[0], plain[1]) == (1, 1)
    assert [computed[0], computed[1]] == times
    assert twice == pytest.approx(once, rel=1e-6)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6)


def test_each_mode_holds_less_at_the_peak_than_the_one_before() -> None:
    peaks = [bench.tracked(SMALL, "lora", mode, 1024) for mode in MODES]
    assert peaks[0] > 1.15 * peaks[1] > 1.3 * peaks[2], peaks


def test_a_training_has_the_losses_of_one_that_computes_nothing_twice_and_leaves_nothing_on(tmp_path: Path) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(8))
    options = TrainOptions(max_steps=4, rank=4, learning_rate=5e-3, micro_batch_tokens=256, dropout=0.1)
    results = []
    for mode in MODES:
        language = models.tiny()
        results.append(train.train(language, data, tmp_path / mode, replace(options, checkpointing=mode)).losses)
        assert not [layer for layer in language.decoder.layers if layer.gradient_checkpointing]
        adapter.detach(language)
    assert results[1] == results[2] == pytest.approx(results[0], rel=1e-6)
    assert samples.read_card(data).split["train"] == 8
