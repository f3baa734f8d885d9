"""The memory that plan predicts, held against torch's own tracker and bitsandbytes' own state."""

import warnings

import pytest
import torch

from bench import plan as bench
from training import fit, optimizer
from training.fit import METHODS, MODES, Checkpointing, Method, Shape

SMALL = Shape(6, 256, 256, 128, 4, 896, 4096, tied=False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
def test_a_predicted_peak_is_within_a_tenth_of_torchs_memory_tracker(method: Method, mode: Checkpointing) -> None:
    ratios = [bench.compare(SMALL, method, mode, tokens)["ratio"] for tokens in (512, 1024, 4096)]
    assert all(abs(ratio - 1) < 0.10 for ratio in ratios), ratios


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_predicted_peak_of_a_cpu_in_fp32_is_within_a_tenth_of_the_tracker_too(method: Method) -> None:
    shape = Shape(4, 128, 128, 64, 4, 448, 2048, tied=True)
    row = bench.compare(shape, method, "off", 1024, stream=4, by_document=True)
    assert abs(row["ratio"] - 1) < 0.10, row


def test_averages_in_8_bit_take_the_bytes_that_are_predicted() -> None:
    """Of both kinds of bitsandbytes' optimizer; the paged one has pages on a GPU alone."""
    kinds = pytest.importorskip("bitsandbytes.optim")
    for kind in (kinds.AdamW8bit, kinds.PagedAdamW8bit):
        weight = torch.zeros(64, 256)
        made = kind([weight], lr=1e-3)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Paged optimizers")
            optimizer._reserve(made)
        kept = {name: tensor for name, tensor in made.state[weight].items() if isinstance(tensor, torch.Tensor)}
        kept = {name: tensor for name, tensor in kept.items() if "qmap" not in name}  # one for all weights
        assert sum(tensor.nbytes for tensor in kept.values()) == fit.AVERAGES["8bit"] * weight.numel()
    row = bench.compare(SMALL, "full", "off", 512, averages="8bit")
    assert abs(row["ratio"] - 1) < 0.10, row
