"""Every weight is learned: the network that comes out is an adapter like any other."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from data import samples
from data.errors import ExitCode, UserError
from tests import training_models as models
from training import adapter, export, model, network, optimizer, ranks, train
from training.encode import Encoder
from training.generate import Generator
from training.model import LanguageModel
from training.optimizer import Learner
from training.packing import MicroBatch
from training.recipe import options as recipe
from training.schedule import TrainOptions
from training.step import Stepper

FULL = TrainOptions(
    method="full", max_steps=6, learning_rate=2e-3, micro_batch_tokens=256, warmup_loss_tokens=100, dropout=0.1
)
CONTEXT = models.chat(models.CHAT[:-1])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.dataset(tmp_path_factory.mktemp("data") / "dataset", models.windows(8))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a folder on disk."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    tiny = models.tiny()
    tiny.causal.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def made(dataset: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Path]:
    """A training of every weight of it, and where its adapter lies."""
    language = model.load(str(base), base.parent, "none")
    out = tmp_path_factory.mktemp("adapters") / "me"
    result = train.train(language, dataset, out, FULL)
    assert sum(result.losses[-2:]) < 0.9 * sum(result.losses[:2])
    return language, out


def weights(language: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: each.detach().float().clone() for name, each in language.causal.named_parameters()}


def logits(language: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = language.causal(input_ids=torch.tensor([[5, 6, 7]])).logits
    return found


def test_every_weight_of_the_base_is_learned(made: tuple[LanguageModel, Path]) -> None:
    before, after = weights(models.tiny()), weights(made[0])
    assert before.keys() == after.keys()
    assert [name for name, tensor in before.items() if torch.equal(tensor, after[name])] == []


def test_the_trained_network_loads_in_place_of_its_base_and_can_be_compared_with_it(
    made: tuple[LanguageModel, Path], base: Path
) -> None:
    loaded = model.load(str(base), base.parent, "none", adapter=made[1])
    torch.testing.assert_close(logits(loaded), logits(made[0]))
    assert loaded.identity == made[0].identity == replace(loaded.identity, base="tiny", quantization="none")
    for language in (loaded, made[0]):
        tuned = logits(language)
        with language.without_adapter():
            torch.testing.assert_close(logits(language), logits(models.tiny()))
        torch.testing.assert_close(logits(language), tuned)
    reply = Generator(loaded).reply(CONTEXT, 1, seed=1, max_tokens=8)
    assert reply == Generator(made[0]).reply(CONTEXT, 1, seed=1, max_tokens=8)


def test_its_base_need_not_be_here_to_speak(made: tuple[LanguageModel, Path], tmp_path: Path) -> None:
    adapter.update(adapter.read(made[1]), base="someone/else")
    try:
        loaded = model.load("someone/else", tmp_path, "none", adapter=made[1])
        torch.testing.assert_close(logits(loaded), logits(made[0]))
    finally:
        adapter.update(adapter.read(made[1]), base="tiny")


def test_it_can_be_rounded_to_4_bit_where_memory_is_short(made: tuple[LanguageModel, Path], base: Path) -> None:
    assert model.load(str(base), base.parent, "nf4", adapter=made[1]).identity.quantization == "nf4"


def test_a_network_of_another_base_is_refused(made: tuple[LanguageModel, Path], tmp_path: Path, dataset: Path) -> None:
    other = models.tiny(seed=1)
    other.causal.save_pretrained(tmp_path / "tiny")
    other.tokenizer.save_pretrained(tmp_path / "tiny")
    with pytest.raises(UserError, match="does not fit this model: it was trained with another base model's weights"):
        model.load(str(tmp_path / "tiny"), tmp_path, "none", adapter=made[1])


def test_its_folder_is_private_names_no_path_and_says_what_it_is(made: tuple[LanguageModel, Path], base: Path) -> None:
    card = adapter.read(made[1]).card
    assert (card.method, card.base, card.chats) == ("full", "tiny", tuple(range(8)))
    assert {path.name for path in made[1].iterdir()} <= {*network.FILES, adapter.CARD}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made[1].iterdir()} == {0o600}
    for path in made[1].iterdir():
        content = path.read_bytes()
        assert not [trace for trace in (str(base.parent), str(made[1].parent), "/work") if trace.encode() in content]


def test_a_forgotten_chat_makes_it_stale(made: tuple[LanguageModel, Path]) -> None:
    assert adapter.mark_stale(made[1].parent, 3) == ["me"]
    adapter.update(adapter.read(made[1]), stale=False)


@pytest.mark.parametrize("merged", [False, True])
def test_exported_it_is_a_model_folder_that_transformers_reads(
    made: tuple[LanguageModel, Path], base: Path, tmp_path: Path, merged: bool
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    whole, folder = adapter.read(made[1]), tmp_path / "out"
    written = export.merged(whole, folder, str(base), base.parent) if merged else export.plain(whole, folder)
    assert written > 4 * sum(each.numel() for each in made[0].causal.parameters())
    assert not (folder / adapter.CARD).exists(), "it lists chats"
    exported = AutoModelForCausalLM.from_pretrained(folder)
    torch.testing.assert_close(exported(input_ids=torch.tensor([[5, 6, 7]])).logits, logits(made[0]))
    assert AutoTokenizer.from_pretrained(folder).chat_template == made[0].tokenizer.chat_template


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
def test_an_interrupted_and_resumed_training_of_every_weight_repeats_the_undisturbed_one(
    dataset: Path, tmp_path: Path, half: bool
) -> None:
    def fresh() -> LanguageModel:
        language = models.tiny()
        return replace(language, causal=language.causal.bfloat16()) if half else language

    undisturbed, second, reports = fresh(), fresh(), list[train.StepReport]()
    whole = train.train(undisturbed, dataset, tmp_path / "whole", FULL)
    part = train.train(fresh(), dataset, tmp_path / "parts", FULL, reports.append, lambda: len(reports) >= 3)
    rest = train.train(second, dataset, tmp_path / "parts", FULL)
    assert (part.interrupted, part.steps, rest.steps) == (True, 3, 6)
    assert part.losses + rest.losses == pytest.approx(whole.losses, rel=1e-5)
    expected = weights(undisturbed)
    for name, tensor in weights(second).items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6)


def test_steps_too_small_for_half_precision_are_not_lost() -> None:
    """A step of 2e-5 is less than bf16 can tell of a weight near 1, a hundred of them are not."""
    start = torch.linspace(0.6, 0.9, 64).bfloat16()
    weight = torch.nn.Parameter(start.clone())
    learner = Learner({"w": weight}, 2e-5)
    for step in range(400):
        weight.grad = torch.ones_like(weight)
        learner.optimizer.step()
        assert weight.grad is None
        if step == 0:
            assert torch.equal(weight, start), "too small for one step to show"
    torch.testing.assert_close(weight.detach(), start - 400 * 2e-5, rtol=0, atol=2**-8)
    assert not torch.equal(weight, start)


def test_averages_in_8_bit_are_saved_without_pickle_and_go_on(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    options, reports = replace(FULL, averages="8bit", dropout=0.0), list[train.StepReport]()
    whole = train.train(models.tiny(), dataset, tmp_path / "whole", options)
    exact = train.train(models.tiny(), dataset, tmp_path / "exact", replace(options, averages="fp32"))
    assert whole.losses == pytest.approx(exact.losses, rel=0.02)
    assert whole.losses != exact.losses
    part = train.train(models.tiny(), dataset, tmp_path / "parts", options, reports.append, lambda: len(reports) >= 3)
    (place,) = (tmp_path / "parts").glob("checkpoint-*")
    state = load_file(place / "optimizer.safetensors")
    assert {state["0.state1"].dtype, state["0.state2"].dtype} == {torch.uint8}
    assert int(state["0.step"]) == 3
    rest = train.train(models.tiny(), dataset, tmp_path / "parts", options)
    assert part.losses + rest.losses == pytest.approx(whole.losses, rel=1e-5)


def test_on_cuda_averages_in_8_bit_lie_in_pages_and_those_in_fp32_are_stepped_on_at_once() -> None:
    """With a tensor that says it is on CUDA and has no content."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    kinds = pytest.importorskip("bitsandbytes.optim")
    with FakeTensorMode():
        weight = torch.zeros(8, 8, device="cuda")
    assert type(optimizer._adamw([weight], 1e-3, "8bit")) is kinds.PagedAdamW8bit
    assert type(optimizer._adamw([torch.zeros(8, 8)], 1e-3, "8bit")) is kinds.AdamW8bit
    for each in (weight, torch.zeros(8, 8)):
        assert optimizer._adamw([each], 1e-3, "fp32").defaults["fused"]


def test_a_base_in_4_bit_is_refused(dataset: Path, tmp_path: Path) -> None:
    language = models.tiny()
    language.identity = replace(language.identity, quantization="nf4")
    with pytest.raises(UserError, match="cannot be learned") as refused:
        train.train(language, dataset, tmp_path / "me", FULL)
    assert refused.value.code is ExitCode.USAGE


def test_gradients_are_clipped_at_the_norm_that_is_wanted() -> None:
    language, options = models.tiny(), replace(FULL, clip=1e-3)
    language.causal.requires_grad_(True)
    learned = list(language.causal.parameters())
    step = Stepper(ranks.shard(language), torch.optim.SGD(learned), learned, options)
    windows = Encoder(language.tokenizer).samples(models.windows(1), 400)
    step((MicroBatch(tuple(windows)),), 0.0, 0)
    norm = torch.nn.utils.get_total_norm([each.grad for each in learned if each.grad is not None])
    assert float(norm) == pytest.approx(1e-3, rel=0.01)


def test_full_is_the_seeds_recipe(dataset: Path) -> None:
    """furiousteabag/doppelganger, finetune_full.py: 2 rows x 4 x 8 GPUs, rate 2e-5, warm-up over 3 %, 1,024 tokens."""
    chosen = recipe("full", "cuda")
    assert (chosen.method, chosen.learning_rate, chosen.window_tokens, chosen.clip) == ("full", 2e-5, 1024, 1.0)
    (encoded,) = train._encode(Encoder(models.tiny().tokenizer), dataset, ["train"], chosen)
    many = encoded * 1000
    settled = replace(chosen, epochs=3.0).for_windows(many)
    total = sum(window.loss_tokens for window in many)
    assert settled.step_loss_tokens == pytest.approx(64 * total / len(many), abs=1)
    assert settled.warmup_loss_tokens == pytest.approx(0.03 * 3 * total, abs=1)
    few = chosen.for_windows(encoded)
    assert few.step_loss_tokens == round(sum(window.loss_tokens for window in encoded) / 32), "never two or three steps"
    assert samples.read_card(dataset).split["train"] == len(encoded)
