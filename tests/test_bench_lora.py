"""Both sides of the benchmark of LoRA in place compute the same, each its own way."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from peft.tuners.lora import Linear

from bench.lora import measured
from tests import training_models as models
from training import lora
from training.encode import Encoder
from training.packing import MicroBatch


def test_both_sides_have_the_same_losses_each_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    network, calls = models.tiny(), Counter[str]()
    windows = [Encoder(network.tokenizer).sample(each, 200) for each in models.windows(2)]

    def counted(side: str, add: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            calls[side] += 1
            return add(*values)

        return call

    monkeypatch.setattr(lora._Sum, "forward", staticmethod(counted("ours", lora._Sum.forward)))
    monkeypatch.setattr(Linear, "forward", counted("peft", Linear.forward))
    found = measured(network, [MicroBatch((each,)) for each in windows], 1)
    once = 2 * 7 * len(windows) * 2  # layers, projections, windows, read and learned
    assert calls["peft"] == once
    assert calls["ours"] >= once, "and what is computed but once, whether the network can read windows side by side"
    losses = found["losses"]
    assert losses["ours read"] == pytest.approx(losses["peft read"])
    assert losses["ours learn"] == pytest.approx(losses["peft learn"])
    assert found["tokens"] == sum(len(each.ids) for each in windows)
