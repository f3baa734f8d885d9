"""The benchmark of a GPU goes its whole way here with tiny networks, on a CPU: what it measures is real, its figures
are not."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import conversations, gpu, networks, qlora
from bench.features import Bench
from training import fit, machine
from training.fit import shape_of
from training.model import quantization_of

# bitsandbytes has no gradient of its fast product of one row on a CPU, and says so; ours is compared with a reference.
pytestmark = pytest.mark.filterwarnings("ignore:bitsandbytes")


def part(name: str) -> tuple[dict[str, Any], Bench]:
    bench = Bench("tiny", 1, torch.device("cpu"), tiny=True)
    return gpu.measure(name, bench), bench


def test_losses_of_4_bit_networks_are_those_of_each_conversation_alone() -> None:
    found, _ = part("parity")
    assert found["parity_steps"] == 4
    assert 0 < found["parity_max_difference"] <= found["parity_limit"]
    assert found["attention"] == "documents", "there is no varlen kernel on a CPU"


def test_every_side_trains_on_the_same_conversations_and_has_its_speed() -> None:
    found, bench = part("train")
    assert set(found["tokens_per_second"]) == {"ours", "ours_24gb", "seed", "plain"}
    assert not found["failed"]
    assert found["attention"] == "documents"
    assert all(each["tokens"] > 0 and each["steps"] == 2 for each in bench.raw)
    assert found["train_ratio_seed"] == pytest.approx(
        found["tokens_per_second"]["ours"] / found["tokens_per_second"]["seed"], abs=0.01
    )


def test_replies_are_token_by_token_those_of_generate() -> None:
    found, _ = part("decode")
    assert found["same_tokens"] == {"tokens": 6, "of": 6}
    assert found["decode_ratio_generate"] > 0
    assert not found["captured"], "there are no graphs on a CPU"


def test_what_is_not_installed_is_named_as_not_measured() -> None:
    found, _ = part("rivals")
    assert found["not_measured"]["unsloth"] == "the package unsloth is not installed"
    assert ("trl" in found["not_measured"]) == ("train_ratio_trl" not in found)


def test_a_random_network_is_in_4_bit_and_has_the_shape_it_was_asked_for() -> None:
    causal = networks.network("tiny", "nf4", torch.device("cpu"))
    assert quantization_of(causal) == "nf4"
    assert not any(parameter.is_meta for parameter in causal.parameters())
    shape = shape_of(networks.configuration("mistral-7b").to_dict())
    assert (shape.layers, shape.hidden, shape.vocabulary) == (32, 4096, 32000)


def test_the_command_refuses_a_machine_without_a_gpu_and_keeps_raw_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.gpu", "--part", "parity"])
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="no GPU here"):
            gpu.main()
    raw = tmp_path / "raw.json"
    monkeypatch.setattr("sys.argv", ["bench.gpu", "--part", "parity", "--tiny", "--out", str(raw)])
    gpu.main()
    assert json.loads(raw.read_text())["raw"][0]["side"] == "parity"


def test_a_side_that_a_library_cannot_serve_fails_alone_and_says_why() -> None:
    def unserved() -> qlora.Side:
        raise TypeError("no such argument\nin this version")

    bench = Bench("tiny", 1, torch.device("cpu"), tiny=True)
    found = qlora.compare(bench, {"ours": lambda: qlora.ours(512), "other": unserved})
    assert found["other"]["failed"] == "TypeError: no such argument"
    assert found["ours"]["tokens_per_second"] > 0


@pytest.mark.parametrize("shape", ["mistral-7b", "llama-3.1-8b"])
def test_our_side_takes_no_more_than_its_setting_by_the_formula_of_plan(shape: str) -> None:
    bench = Bench(shape, 1, torch.device("cpu"), tiny=False)
    config = shape_of(networks.configuration(shape).to_dict())
    for there in (machine.named("H100"), machine.named("H200"), qlora.MODEST):
        side = qlora.fitting(bench, there)
        assert side.tokens >= 1024
        longest = max(side.tokens, conversations.LONGEST)
        peak = fit.peak(config, "qlora", longest, rank=32, checkpointing=side.checkpointing).total
        assert peak <= there.memory * (1 - fit.RESERVE)
        assert there is not qlora.MODEST or peak <= 12e9
