"""Both sides of the benchmark of mixed precision read and learn the same, and only one of them rounds."""

import pytest
import torch

from bench import precision as bench
from tests import training_models as models
from training import precision
from training.encode import Encoder
from training.packing import MicroBatch


def test_one_side_computes_in_bf16_and_the_other_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_units", lambda: True)
    network, seen = models.tiny(), list[torch.dtype]()
    layer = network.decoder.layers[0]
    layer.register_forward_pre_hook(lambda layer, _: seen.append(layer.mlp.up_proj.weight.dtype))
    windows = [Encoder(network.tokenizer).sample(each, 200) for each in models.windows(2)]
    found = bench.measured(network, [MicroBatch((each,)) for each in windows], 1)
    assert {torch.bfloat16, torch.float32} == set(seen)
    losses = found["losses"]
    for work in ("read", "learn"):
        assert losses[f"mixed {work}"] != losses[f"fp32 {work}"]
        assert losses[f"mixed {work}"] == pytest.approx(losses[f"fp32 {work}"], rel=2e-3)
        assert found[f"{work}_mixed"] > 0
    assert found["tokens"] == sum(len(each.ids) for each in windows)
    assert found["units"] is True
