"""LoRA that is added in place is peft's LoRA: one value, one gradient, and peft's own where it does more."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers.pytorch_utils import Conv1D

from bench import networks
from training import lora
from training.adapter import peft_warnings

PLACES = ("up", "down")
IN_PLACE = "_InPlace"


class Tiny(nn.Module):
    """A layer with a bias and a layer without."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(12, 20), nn.Linear(20, 12, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(torch.tanh(self.up(x)))
        return result


def tiny() -> Tiny:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Tiny()


def config(**changes: Any) -> LoraConfig:
    """With a scale other than 1, and with a product that is not zero from the start."""
    return LoraConfig(**{"r": 4, "lora_alpha": 12, "target_modules": PLACES, "init_lora_weights": False} | changes)


def pair(**changes: Any) -> tuple[Any, Any]:
    """The same weights with ours and with peft's LoRA."""
    made = []
    for put in (lora.put, get_peft_model):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            made.append(put(tiny(), config(**changes)))
    return made[0], made[1]


def kinds(adapted: Any) -> set[str]:
    """Of the layers that carry LoRA."""
    return {type(layer).__name__ for layer in adapted.modules() if hasattr(layer, "lora_A")}


def inputs(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("shape", [(12,), (7, 12), (2, 5, 12), (1, 1, 12)])
def test_outputs_and_gradients_are_those_of_peft(shape: tuple[int, ...]) -> None:
    ours, theirs = pair()
    assert (kinds(ours), kinds(theirs)) == ({IN_PLACE}, {"Linear"})
    found: list[list[Tensor]] = []
    for network in (ours, theirs):
        x = inputs(*shape).requires_grad_()
        y = network(x)
        (y * inputs(*shape)).sum().backward()
        slopes = [each.grad for each in network.parameters() if each.requires_grad]
        found.append([y, x.grad, *slopes])  # type: ignore[list-item]
    assert len(found[0]) == 2 + 4
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other)


def test_inputs_that_lie_apart_in_memory_are_read_in_their_order() -> None:
    ours, theirs = pair()
    found = []
    for network in (ours, theirs):
        y = network(inputs(12, 3, 5).permute(2, 1, 0))
        y.transpose(0, 1).pow(2).sum().backward()
        found.append((y, [each.grad for each in network.parameters() if each.requires_grad]))
    torch.testing.assert_close(*found)


def test_no_gradient_is_computed_of_inputs_that_want_none() -> None:
    counted = []
    for network in pair(target_modules=("up",)):
        loss = network(inputs(3, 12)).sum()
        with FlopCounterMode(display=False) as counter:
            loss.backward()
        counted.append(counter.get_total_flops())
    assert counted[0] == counted[1] > 0


def test_switched_off_merged_and_taken_off_it_is_the_layer() -> None:
    ours, _ = pair()
    x = inputs(3, 12)
    with torch.no_grad():
        bare, tuned = tiny()(x), ours(x)
        assert not torch.allclose(bare, tuned)
        with ours.disable_adapter():
            torch.testing.assert_close(ours(x), bare)
        torch.testing.assert_close(ours(x), tuned)
        ours.merge_adapter()
        torch.testing.assert_close(ours(x), tuned)
        ours.unmerge_adapter()
        unloaded = ours.unload()
        torch.testing.assert_close(unloaded(x), bare)
    assert not kinds(unloaded)


@pytest.mark.parametrize("more", [{"lora_dropout": 0.1}, {"use_dora": True}, {"bias": "lora_only"}])
def test_what_does_more_is_left_to_peft(more: dict[str, Any]) -> None:
    left = lora.put(tiny(), config(**more))
    assert type(left.base_model.model.up).__name__ == "Linear"


def test_a_bias_of_lora_is_left_to_peft() -> None:
    assert kinds(lora.put(tiny(), config(target_modules=("up",), lora_bias=True))) == {"Linear"}


def test_a_layer_whose_weights_lie_the_other_way_is_left_to_peft() -> None:
    turned = nn.Sequential(Conv1D(20, 12))
    assert kinds(lora.put(turned, LoraConfig(target_modules=["0"], fan_in_fan_out=True))) == {"Linear"}


def test_rounded_and_packed_layers_are_left_to_peft() -> None:
    assert kinds(lora.put(tiny().bfloat16(), config())) == {"Linear"}
    pytest.importorskip("bitsandbytes")
    packed = networks.network("tiny", "nf4", torch.device("cpu"))
    with peft_warnings():
        assert kinds(lora.put(packed, LoraConfig(target_modules="all-linear"))) == {"Linear4bit"}
