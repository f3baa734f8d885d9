"""Mixed precision on a CPU: frozen weights in bf16 while many tokens are read, and afterwards what they were."""

import gc
import signal
import weakref
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from data.errors import UserError
from tests import training_models as models
from tests.test_training_attention import network
from training import adapter, attention, evaluate, precision, ranks, recompute, train
from training.encode import Encoder
from training.loss import token_losses
from training.measures import likelihood
from training.measures.likelihood import Window
from training.model import LanguageModel
from training.packing import MicroBatch
from training.precision import mixed, product
from training.schedule import TrainOptions

FROZEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture(autouse=True)
def units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every CPU computes in bf16, with units for it or slowly."""
    monkeypatch.setattr(precision, "has_units", lambda: True)


def kinds(model: LanguageModel) -> dict[torch.dtype, set[str]]:
    """The names of its layers by the type of their weights."""
    found: dict[torch.dtype, set[str]] = {}
    for name, weight in model.causal.named_parameters():
        words = [word for word in name.split(".") if word not in ("weight", "default", "base_layer")]
        found.setdefault(weight.dtype, set()).add(words[-1])
    return found


def batch(model: LanguageModel) -> MicroBatch:
    return MicroBatch(tuple(Encoder(model.tokenizer).sample(each, 200) for each in models.windows(2)))


def gradients(model: LanguageModel, context: AbstractContextManager[None]) -> tuple[float, list[Tensor]]:
    """The loss and the slopes of LoRA's weights."""
    model.causal.train()
    with context:
        torch.manual_seed(1)
        loss = token_losses(model, batch(model)).weighted(1.0)
        loss.backward()
    slopes = [p.grad for p in model.causal.parameters() if p.requires_grad and p.grad is not None]
    return float(loss.detach()), [each.clone() for each in slopes]


def test_within_it_frozen_layers_are_rounded_and_nothing_else() -> None:
    model = models.tiny()
    train.add_lora(model, TrainOptions(rank=4))
    with mixed(model):
        found = kinds(model)
        assert found[torch.bfloat16] == set(FROZEN)
        assert {"lora_A", "lora_B", "embed_tokens", "norm", "input_layernorm"} <= found[torch.float32]
        assert model.head.weight.dtype == torch.float32
    assert set(kinds(model)) == {torch.float32}


def test_afterwards_weights_are_what_they_were_also_after_an_error() -> None:
    model = models.tiny()
    layer = model.decoder.layers[0].mlp.up_proj
    before = {name: each.clone() for name, each in model.causal.state_dict().items()}
    within = mixed(model)
    within.__enter__()
    assert not layer.weight.float().equal(before["model.layers.0.mlp.up_proj.weight"])
    error = ZeroDivisionError()
    assert not within.__exit__(ZeroDivisionError, error, None)
    assert all(each.equal(before[name]) for name, each in model.causal.state_dict().items())
    assert type(layer) is nn.Linear


def test_memory_that_runs_out_meanwhile_is_said_and_the_weights_are_what_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, rounded = precision._split, list[Tensor]()

    def short(weight: Tensor) -> tuple[Tensor, Tensor | None]:
        if len(rounded) == 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        rounded.append(weight)
        return split(weight)

    monkeypatch.setattr(precision, "_split", short)
    model, before = models.tiny(), models.tiny().causal.state_dict()
    data = models.dataset(tmp_path / "dataset", models.windows(8))
    with pytest.raises(UserError, match="memory does not hold"):
        train.train(model, data, tmp_path / "out", TrainOptions(max_steps=2, rank=4))
    assert len(rounded) == 3
    assert set(kinds(model)) == {torch.float32}
    adapter.detach(model)
    assert all(each.equal(before[name]) for name, each in model.causal.state_dict().items())


def test_an_interruption_while_a_layer_is_restored_leaves_all_others_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model, joined, restored = models.tiny(), precision._joined, list[Tensor]()

    def interrupted(weight: Tensor, rest: Tensor | None) -> Tensor:
        restored.append(weight)
        if len(restored) == 1:
            raise KeyboardInterrupt
        return joined(weight, rest)

    monkeypatch.setattr(precision, "_joined", interrupted)
    with pytest.raises(KeyboardInterrupt), mixed(model):
        pass
    assert len(restored) == 2 * len(FROZEN)
    assert [weight.dtype for weight in model.causal.parameters()].count(torch.bfloat16) == 1


def test_a_ctrl_c_while_weights_are_given_back_interrupts_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore, restored = precision._restore, list[nn.Linear]()

    def pressed(layer: nn.Linear, rest: Tensor | None) -> None:
        if not restored:
            signal.raise_signal(signal.SIGINT)
        restored.append(layer)
        restore(layer, rest)

    monkeypatch.setattr(precision, "_restore", pressed)
    data = models.dataset(tmp_path / "dataset", models.windows(8))
    result = train.train(models.tiny(), data, tmp_path / "out", TrainOptions(max_steps=2, rank=4))
    assert (result.interrupted, result.steps) == (True, 2)
    assert len(restored) == 2 * len(FROZEN)


def test_a_network_that_reads_the_weights_of_a_layer_itself_computes_in_fp32() -> None:
    options = {"attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2, "mamba_dt_rank": 8}
    model = network("Jamba", **options)
    with torch.inference_mode():
        exact = float(token_losses(model, batch(model)).nll.sum())
        with mixed(model):
            assert set(kinds(model)) == {torch.float32}
            assert float(token_losses(model, batch(model)).nll.sum()) == exact


def test_how_several_windows_are_computed_is_chosen_before_anything_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model, agrees, found = models.tiny(), attention._agrees, list[set[torch.dtype]]()

    def asked(model: LanguageModel, how: attention.Way) -> bool:
        found.append(set(kinds(model)))
        return agrees(model, how)

    monkeypatch.setattr(attention, "_agrees", asked)
    with mixed(model):
        assert found == [{torch.float32}]


def test_a_model_that_was_only_read_so_can_be_learned_on() -> None:
    model = models.tiny()
    with torch.inference_mode(), mixed(model):
        assert kinds(model)[torch.bfloat16] == set(FROZEN)
    train.add_lora(model, TrainOptions(rank=4))
    _, slopes = gradients(model, nullcontext())
    assert len(slopes) == 2 * 7 * 2


@pytest.mark.parametrize("tuned", [True, False])
def test_an_evaluation_scores_held_out_words_so_and_gives_the_weights_back(
    tuned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, found, some = models.tiny(), list[set[str]](), [Window(each, 1) for each in models.windows(4)]
    train.add_lora(model, TrainOptions(rank=4))
    before = {name: each.clone() for name, each in model.causal.state_dict().items()}

    def score(within: bool) -> float:
        monkeypatch.setattr(precision, "has_units", lambda: within)
        return sum(each.text_nll for each in likelihood.score(model, some, lambda each: each.sample, tuned))

    def losses(*values: Any) -> Any:
        found.append(kinds(model).get(torch.bfloat16, set()))
        return token_losses(*values)

    monkeypatch.setattr(evaluate, "token_losses", losses)
    mixed_, exact = score(within=True), score(within=False)
    assert (found[0], found[-1]) == (set(FROZEN), set())
    assert mixed_ == pytest.approx(exact, rel=1e-3)
    assert mixed_ != exact
    assert all(each.equal(before[name]) for name, each in model.causal.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_whether_a_network_still_computes_is_asked_without_a_trace(training: bool) -> None:
    model = models.tiny()
    train.add_lora(model, TrainOptions(rank=4, dropout=0.5))
    model.causal.train(training)
    state = torch.get_rng_state()
    with mixed(model):
        assert model.causal.training is training
        assert kinds(model)[torch.bfloat16] == set(FROZEN)
        assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float32])
def test_weights_and_what_is_kept_beside_them_are_no_larger_than_before(stored: torch.dtype) -> None:
    weight = torch.randn(64, 32, generator=torch.Generator().manual_seed(5)).to(stored).float()
    rounded, rest = precision._split(weight)
    assert rounded.dtype == torch.bfloat16
    assert (rest is None) == (stored == torch.bfloat16)
    assert rounded.nbytes + (0 if rest is None else rest.nbytes) <= weight.nbytes
    torch.testing.assert_close(rounded.float(), weight, rtol=2**-8, atol=0)
    assert precision._joined(rounded, rest).equal(weight)


@pytest.mark.parametrize("low", [0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
@pytest.mark.parametrize("high", [0x0000, 0x3F80, 0x3FFF, -0x4080, -0x8000])
def test_every_weight_is_rounded_to_the_nearest_and_comes_back(low: int, high: int) -> None:
    weight = torch.full((2, 3), (high << 16) + low, dtype=torch.int32).view(torch.float32)
    rounded, rest = precision._split(weight)
    assert precision._joined(rounded, rest).view(torch.int32).equal(weight.view(torch.int32))
    beside = torch.tensor([high << 16, (high + 1) << 16], dtype=torch.int32).view(torch.float32)
    nearest = (weight[0, 0] - beside).abs().min()  # not by torch: some CPUs round the smallest ones to zero
    assert (weight - rounded.float()).abs().equal(nearest.expand(2, 3))


def test_halves_go_up_as_often_as_down() -> None:
    weight = torch.full((4, 6), 1 + 2**-8)
    assert precision._split(weight)[0].float().mean() == weight.mean()
    assert precision._split(-weight)[0].float().mean() == -weight.mean()


def test_the_whole_weights_are_not_kept() -> None:
    model = models.tiny()
    layer = model.decoder.layers[0].mlp.up_proj
    whole = weakref.ref(layer.weight.data.untyped_storage())
    assert whole() is not None
    with mixed(model):
        gc.collect()
        assert whole() is None


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("computed", ["once", "twice"])
def test_losses_and_gradients_are_those_of_fp32_but_for_rounding(computed: str, dropout: float) -> None:
    model = models.tiny()
    train.add_lora(model, TrainOptions(rank=4, dropout=dropout))
    recompute.layers(model, "off" if computed == "once" else "full")
    torch.manual_seed(3)
    for name, weight in model.causal.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.1)
    attention.way(model)
    exact, exact_slopes = gradients(model, nullcontext())
    model.causal.zero_grad()
    rounded, slopes = gradients(model, mixed(model))
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=2e-3)
    assert len(slopes) == 2 * 7 * 2
    for one, other in zip(slopes, exact_slopes, strict=True):
        assert one.dtype == torch.float32
        assert float(nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0)) > 0.99


def test_no_more_is_kept_for_the_backward_pass() -> None:
    model = models.tiny()
    train.add_lora(model, TrainOptions(rank=4))
    attention.way(model)
    assert 0 < kept(model, mixed(model)) <= kept(model, nullcontext())


def kept(model: LanguageModel, context: AbstractContextManager[None]) -> int:
    """Bytes beside the weights."""
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with context:
        weights = {each.untyped_storage().data_ptr() for each in model.causal.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = token_losses(model, batch(model)).weighted(1.0)
        assert loss.requires_grad
    return sum(size for place, size in found.items() if place not in weights)


def test_the_base_alone_is_rounded_too() -> None:
    model = models.tiny()
    with torch.inference_mode():
        exact = float(token_losses(model, batch(model)).nll.sum())
        with mixed(model):
            rounded = float(token_losses(model, batch(model)).nll.sum())
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=2e-3)


def test_a_product_has_its_bias_and_the_precision_of_its_inputs() -> None:
    layer, x = nn.Linear(12, 20), torch.randn(3, 12)
    rounded = product(x, layer.weight.bfloat16(), layer.bias)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, layer(x), rtol=0.02, atol=0.02)
    assert product(x, layer.weight, layer.bias).equal(layer(x))


def test_what_learns_stays_whole() -> None:
    model = models.tiny()
    model.causal.requires_grad_(True)
    with mixed(model):
        assert set(kinds(model)) == {torch.float32}


@pytest.mark.parametrize("why", ["units", "ranks"])
def test_without_units_and_where_a_network_is_shared_out_nothing_is_rounded(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.tiny()
    if why == "units":
        monkeypatch.setattr(precision, "has_units", lambda: False)
    else:
        monkeypatch.setattr(ranks, "several", lambda: True)
    with mixed(model):
        assert set(kinds(model)) == {torch.float32}


@pytest.mark.parametrize(("unit", "has"), [("amx_bf16", True), ("avx512_bf16", True), ("avx512_vnni", False)])
def test_a_cpu_says_which_units_it_has(unit: str, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {unit: True, "avx2": True, "amx_int8": True})
    assert precision.has_units() is has


def test_a_training_learns_in_mixed_precision_and_saves_whole_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(8))
    options = TrainOptions(max_steps=6, rank=4, alpha=8, learning_rate=5e-3, micro_batch_tokens=128)
    model, before = models.tiny(), models.tiny().causal.state_dict()
    rounded = train.train(model, data, tmp_path / "mixed", options)
    assert set(kinds(model)) == {torch.float32}
    adapter.detach(model)
    assert all(each.equal(before[name]) for name, each in model.causal.state_dict().items())
    monkeypatch.setattr(precision, "has_units", lambda: False)
    exact = train.train(models.tiny(), data, tmp_path / "fp32", options)
    assert rounded.losses != exact.losses
    assert rounded.losses == pytest.approx(exact.losses, rel=0.01)
    saved = load_file(tmp_path / "mixed" / adapter.WEIGHTS)
    assert {each.dtype for each in saved.values()} == {torch.float32}
