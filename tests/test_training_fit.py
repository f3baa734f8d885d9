"""What plan computes, held against torch's counter of operations, shapes against transformers, tokens against the
tokenizer. Its memory is held in test_bench_plan."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import plan as bench
from bench.tracker import NoModules
from data.errors import ExitCode, UserError
from tests import training_models as models
from training import fit, known, machine, recipe, way, work
from training.fit import METHODS, MODES, Checkpointing, Method, Shape
from training.machine import GIB, Machine

SMALL = Shape(6, 256, 256, 128, 4, 896, 4096, tied=False)
WORK = work.Work(tokens=1_000_000, loss_share=0.4, context=1024, mean=600)
SHORT = replace(WORK, context=256)
MACHINES = [Machine("", round(gib * GIB / 4), 1e14) for gib in range(12, 320)]
"""GPUs of 3 to 80 GiB."""


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_operations_of_a_token_are_those_that_torch_counts(method: Method) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from training import attention
    from training.loss import token_losses

    device = torch.device("meta")
    model = bench._model(SMALL, method, 4, device)
    attention._CHOSEN[model.causal] = "varlen"
    batch = bench._batch(1024)
    model.causal.train()
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _Whole()  # torch's own would hook gradients that the tiled loss asks for by itself
    with counter, attention.packed(model):
        token_losses(model, batch).weighted(1.0).backward()
    share = sum(window.loss_tokens for window in batch.windows) / batch.tokens
    counted = counter.get_flop_counts()["Global"]
    products = counted[torch.ops.aten.mm]  # of attention it counts the masked half too, or nothing
    predicted = fit.operations(SMALL, method, replace(WORK, loss_share=share, mean=0))
    assert products / batch.tokens == pytest.approx(predicted, rel=0.02)


@pytest.mark.parametrize(("mode", "again"), [("off", 0), ("partial", 1), ("full", 2)])
@pytest.mark.parametrize("method", METHODS)
def test_attention_that_is_computed_twice_counts_its_forward_pass_again(
    method: Method, mode: Checkpointing, again: int
) -> None:
    alone = replace(WORK, mean=0)
    attention = fit.operations(SMALL, method, WORK, mode) - fit.operations(SMALL, method, alone, mode)
    assert attention == pytest.approx((7 + again) * SMALL.layers * SMALL.query * WORK.mean)


class _Whole(NoModules):
    parents = frozenset({"Global"})


PUBLISHED = {
    "Qwen/Qwen3-14B": 14.77,
    "Qwen/Qwen3-8B": 8.19,
    "Qwen/Qwen3-4B-Instruct-2507": 4.02,
    "Qwen/Qwen3-1.7B": 1.72,
    "Qwen/Qwen3-0.6B": 0.596,
    "Qwen/Qwen2.5-7B-Instruct": 7.62,
    "Qwen/Qwen2.5-3B-Instruct": 3.09,
    "mistralai/Mistral-Nemo-Instruct-2407": 12.25,
    "meta-llama/Llama-3.1-8B-Instruct": 8.03,
    "meta-llama/Llama-3.2-3B-Instruct": 3.21,
    "HuggingFaceTB/SmolLM3-3B": 3.08,
    "mistralai/Mistral-7B-Instruct-v0.3": 7.25,
    "smollm2": 0.1345,
}
"""10^9 weights, as their makers count them."""


def test_the_shapes_of_the_table_have_as_many_weights_as_the_models() -> None:
    counted = {each.id: each.shape.parameters / 1e9 for each in known.BASES}
    assert counted == pytest.approx(PUBLISHED, rel=0.005)


def test_the_table_begins_with_the_bases_that_know_most_languages() -> None:
    languages = [each.languages for each in known.BASES]
    assert languages == sorted(languages, reverse=True)


def test_the_table_knows_a_base_in_any_revision() -> None:
    assert known.find("Qwen/Qwen3-8B@main") == known.find("Qwen/Qwen3-8B") != None  # noqa: E711
    assert known.find("Qwen/Qwen3") is None


def _configs() -> list[Any]:
    from transformers import Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 500,
        "head_dim": 32,
    }
    without = {name: value for name, value in sizes.items() if name != "head_dim"}
    return [
        LlamaConfig(**without, tie_word_embeddings=True),
        MistralConfig(**sizes),
        Qwen2Config(**without),
        Qwen3Config(**sizes),
        Gemma3TextConfig(**sizes),
    ]


@pytest.mark.parametrize("config", _configs(), ids=lambda config: str(config.model_type))
def test_a_shape_read_from_a_configuration_has_the_weights_that_transformers_makes(config: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    matrices = sum(p.numel() for p in network.parameters() if p.dim() == 2)
    assert fit.shape_of(config.to_dict()).parameters == matrices


def test_another_architecture_and_a_garbled_configuration_are_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="cannot compute the architecture mamba") as refusal:
        fit.shape_of({"model_type": "mamba"})
    assert refusal.value.code == ExitCode.CONFIGURATION
    with pytest.raises(UserError, match="lacks or garbles 'num_hidden_layers'"):
        fit.shape_of({"model_type": "llama", "num_attention_heads": 4, "hidden_size": 64})


@pytest.mark.parametrize("share", [0.05, 0.9])
@pytest.mark.parametrize("context", [256, 1024, 3000])
def test_a_plan_is_what_a_training_does_on_that_machine(context: int, share: float) -> None:
    shape, some = fit.shape_of(CONFIG), replace(WORK, context=context, loss_share=share)
    for there in MACHINES:
        planned = fit.fit(shape, "qlora", there, some)
        taken = way.choose(CONFIG, "qlora", there, fit.ROW_TOKENS["cuda"], some)
        room = there.memory * (1 - fit.RESERVE)
        if planned.peak.total > room:
            assert planned.micro_batch_tokens == 0
            assert there.memory < 9 * GIB
        else:
            at_once = max(taken.at_once, context)  # a window is computed whole
            assert (planned.micro_batch_tokens, planned.checkpointing) == (at_once, taken.checkpointing)


def test_a_plan_for_a_cpu_computes_as_few_tokens_at_a_time_as_a_training_there() -> None:
    small = fit.fit(known.BASES[1].shape, "lora", Machine("", 512 * GIB, 1e11, gpu=False), replace(WORK, context=100))
    assert small.micro_batch_tokens == fit.ROW_TOKENS["cpu"]


def test_no_micro_batch_is_smaller_than_the_longest_conversation() -> None:
    long = replace(WORK, context=3000)
    assert fit.fit(known.BASES[1].shape, "qlora", Machine("", 80 * GIB, 1e14), long).micro_batch_tokens >= 3000


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("rtx3090", "RTX 3090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("RTX 4060 Ti", "RTX 4060 Ti"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("a100", "A100 40GB"),
        ("NVIDIA H100 PCIe", "H100"),
        ("l4", "L4"),
    ],
)
def test_a_gpu_is_known_however_it_is_written(written: str, means: str) -> None:
    assert machine.named(written).name == means


@pytest.mark.parametrize("name", ["", "voodoo", "RTX 3080 Ti", "90"])
def test_another_gpu_is_not_taken_for_one_of_the_table(name: str) -> None:
    with pytest.raises(UserError, match="is not in the table") as refusal:
        machine.named(name)
    assert refusal.value.code == ExitCode.USAGE


def test_tokens_are_counted_as_training_encodes_them_and_estimated_within_a_third(tmp_path: Path) -> None:
    from training import base
    from training.encode import CONTEXT_TOKENS, Encoder

    folder = models.dataset(tmp_path / "dataset", [*models.windows(), models.without_target(models.windows()[0])])
    encoder = Encoder(models.tokenizer())
    windows = [encoder.sample(sample, CONTEXT_TOKENS) for sample in models.windows()]
    tokens = sum(len(window.ids) for window in windows)
    counted = work.of(folder, base.local("smollm2", models.MODELS))
    assert (counted.tokens, counted.known_by) == (tokens, "counted")
    assert counted.context == max(len(window.ids) for window in windows)
    assert counted.loss_share == pytest.approx(sum(window.loss_tokens for window in windows) / tokens)
    estimated = work.of(folder, None)
    assert estimated.known_by == "estimated"
    assert estimated.tokens == pytest.approx(tokens, rel=0.34)
    assert estimated.loss_share == pytest.approx(counted.loss_share, rel=0.34)


def test_a_dataset_with_nothing_to_learn_is_no_work(tmp_path: Path) -> None:
    folder = models.dataset(tmp_path, [models.without_target(sample) for sample in models.windows()])
    with pytest.raises(UserError, match="no message of yours to learn from"):
        work.of(folder, None)


def _cached(cache: Path, *names: str) -> Path:
    """A model in the hub's cache of which these files have come down."""
    model = cache / "hub" / "models--some--model"
    folder = model / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True, exist_ok=True)
    (model / "refs").mkdir(exist_ok=True)
    (model / "refs" / "main").write_text("0" * 40)
    for name in names:
        (folder / name).write_text("{}")
    return folder


def test_a_model_of_which_plan_fetched_the_configuration_alone_is_not_taken_for_downloaded(tmp_path: Path) -> None:
    from training import base

    _cached(tmp_path, "config.json")
    assert base.local("some/model", tmp_path) is None
    folder = _cached(tmp_path, "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    assert base.local("some/model", tmp_path) == folder


def test_of_a_model_in_parts_each_part_must_be_here(tmp_path: Path) -> None:
    from training import base

    folder = _cached(tmp_path, "config.json", "tokenizer.json", "tokenizer_config.json", "a.safetensors")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}')
    assert base.local("some/model", tmp_path) is None
    (folder / "b.safetensors").write_text("")
    assert base.local("some/model", tmp_path) == folder


CONFIG = {
    "model_type": "mistral",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
}


@pytest.mark.parametrize("ranks", [1, 8])
@pytest.mark.parametrize("gpu", ["RTX 3060", "RTX 4060 Ti", "RTX 3090", "A100 80GB"])
@pytest.mark.parametrize("method", METHODS)
def test_a_way_fits_and_no_quicker_one_would(gpu: str, method: Method, ranks: int) -> None:
    there, shape = machine.named(gpu), fit.shape_of(CONFIG)
    found = way.choose(CONFIG, method, there, 4096, SHORT, ranks=ranks)
    averages = fit.averages_of(shape, method, there, ranks=ranks)

    def fits(size: int, mode: Checkpointing) -> bool:
        needs = fit.peak(shape, method, size, checkpointing=mode, averages=averages, ranks=ranks)
        return needs.total <= there.memory * (1 - fit.RESERVE)

    assert found.averages == averages
    quicker = [(size, mode) for mode in MODES for size in (4096, 2048, 1024)]
    quicker = quicker[: quicker.index((found.at_once, found.checkpointing))] if found.at_once >= 1024 else quicker
    assert not [each for each in quicker if fits(*each)]
    assert fits(found.at_once, found.checkpointing) or (found.at_once, found.checkpointing) == (256, "full")


def test_each_way_of_saving_memory_is_taken_before_the_next_dearer_one() -> None:
    ways = [way.choose(CONFIG, "qlora", Machine("", gib * GIB, 1e14), 4096, SHORT) for gib in range(6, 30)]
    modes = [each.checkpointing for each in ways]
    assert modes == sorted(modes, key=lambda mode: -MODES.index(mode))
    assert set(modes) == set(MODES)


@pytest.mark.parametrize("context", [256, 1024])
def test_tokens_at_a_time_that_were_asked_for_are_kept_and_fewer_never_take_more_memory(context: int) -> None:
    shape, some, sizes = fit.shape_of(CONFIG), replace(WORK, context=context), (64, 256, 512, 1024, 2048, 4096, 8192)

    def taken(found: way.Way) -> int:
        return fit.peak(
            shape, "qlora", max(found.at_once, context), checkpointing=found.checkpointing, averages=found.averages
        ).total

    for there in MACHINES:
        asked = way.choose(CONFIG, "qlora", there, 4096, some)
        found = [way.choose(CONFIG, "qlora", there, tokens, some, fixed=True) for tokens in sizes]
        assert tuple(each.at_once for each in found) == sizes
        assert all(taken(each) <= taken(asked) for each in found if each.at_once <= asked.at_once)
        assert found[-1].checkpointing == "full" or taken(found[-1]) <= there.memory * (1 - fit.RESERVE)


def test_an_architecture_that_is_not_known_is_computed_as_it_comes() -> None:
    assert way.choose({"model_type": "rwkv"}, "lora", machine.named("L4"), 4096, WORK) == way.Way(4096)


def test_the_averages_of_a_whole_network_are_in_8_bit_where_they_would_fill_a_single_gpu() -> None:
    shape = fit.shape_of(CONFIG)
    assert fit.averages_of(shape, "full", machine.named("A100 80GB")) == "8bit"
    assert fit.averages_of(shape, "full", machine.named("A100 80GB"), ranks=8) == "fp32"
    assert fit.averages_of(shape, "qlora", machine.named("RTX 3060")) == "fp32"
    assert fit.averages_of(shape, "full", Machine("", 16 * GIB, 1e12, gpu=False)) == "fp32"


def test_a_small_network_is_trained_at_the_rate_that_was_measured_for_it_and_a_large_one_as_others_do() -> None:
    small = CONFIG | {"num_hidden_layers": 2}
    rates = [recipe.options("lora", "cpu", config=config).learning_rate for config in (small, CONFIG, None)]
    assert rates == [1e-3, 2e-4, 2e-4]
    assert recipe.options("lora", "cpu", rate=5e-4, config=small).learning_rate == 5e-4
    assert recipe.options("full", "cpu", config=small).learning_rate == 2e-5
    assert recipe.options("lora", "cpu", config={"model_type": "rwkv"}).learning_rate == 2e-4
