"""A base in 4 bit has gradients, whatever it was read for before, and is measured as it was loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import networks
from data.samples import Sample
from tests import training_models as models
from training import evaluate, model, precision, train
from training.measures import likelihood
from training.model import LanguageModel
from training.schedule import TrainOptions
from training.unpacked import unpacked

IDS = torch.arange(5, 45)[None]


@pytest.fixture
def network() -> Any:
    pytest.importorskip("bitsandbytes")
    return networks.network("tiny", "nf4", torch.device("cpu"))


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """A base in a folder."""
    pytest.importorskip("bitsandbytes")
    base, folder = models.tiny(hidden=64), tmp_path / "tiny"
    base.causal.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    return str(folder)


def gradient(network: Any) -> Tensor | None:
    """Of the loss with respect to what goes into the first layer."""
    begun = network.get_input_embeddings()(IDS).detach().requires_grad_()
    network(inputs_embeds=begun, labels=IDS).loss.backward()
    return begun.grad


def read(network: Any) -> None:
    with torch.no_grad():
        network.eval()(IDS)


def test_a_base_that_was_read_before_it_is_trained_has_the_gradients_that_it_was_loaded_with(network: Any) -> None:
    with unpacked(network):
        loaded = gradient(network.train())
    read(network)
    with unpacked(network):
        after = gradient(network.train())
        read(network)  # a validation on the way
        on_the_way = gradient(network.train())
    assert loaded is not None
    assert after is not None, "rounded in between, but there"
    assert float((after - loaded).norm() / loaded.norm()) < 0.01
    assert torch.equal(after, on_the_way)


def test_after_the_training_the_quicker_kernel_may_be_used_again(network: Any) -> None:
    before = [getattr(module, "support_avx512bf16_for_cpu", None) for module in network.modules()]
    with pytest.raises(RuntimeError), unpacked(network):
        raise RuntimeError("no memory")
    assert [getattr(module, "support_avx512bf16_for_cpu", None) for module in network.modules()] == before


def test_a_base_in_4_bit_learns_the_same_whether_it_was_measured_before_or_not(stored: str, tmp_path: Path) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(8))
    options = TrainOptions(max_steps=8, method="qlora", learning_rate=5e-3, warmup_loss_tokens=100)
    weights = []
    for name in ("never packed", "untouched", "measured"):
        loaded = model.load(stored, tmp_path, "nf4")
        if name == "never packed":
            for module in loaded.causal.modules():
                module.support_avx512bf16_for_cpu = False
        if name == "measured":
            read(loaded.causal)
        train.train(loaded, data, tmp_path / name, options)
        learned = [p.detach().flatten() for n, p in loaded.causal.named_parameters() if "lora_B" in n]
        weights.append(torch.cat(learned))
    never, untouched, measured = weights
    assert torch.equal(untouched, never)
    assert torch.cosine_similarity(measured, never, dim=0) > 0.99


def by_likelihood(loaded: LanguageModel, some: list[Sample]) -> list[evaluate.Scored]:
    return likelihood.score(loaded, [likelihood.Window(each, 1) for each in some], lambda each: each.sample, True)


@pytest.mark.parametrize("measure", [evaluate.held_out, by_likelihood])
def test_a_base_in_4_bit_is_measured_as_it_was_loaded(
    stored: str, tmp_path: Path, measure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    monkeypatch.setattr(precision, "has_units", lambda: True)
    for kernel in (True, False):
        loaded = model.load(stored, tmp_path, "nf4")
        if not kernel:
            for module in loaded.causal.modules():
                module.support_avx512bf16_for_cpu = False
        found.append(measure(loaded, models.windows(8)))
    assert found[0] == found[1]
