"""Compiling in mid-training: kept where it was quicker, left where it was not, and no error of it ends a training."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests import training_models as models
from training import packing, ranks, regional
from training.encode import Encoder
from training.loop import Loop
from training.model import LanguageModel
from training.regional import SETTLE, TIMED, WORTH, Regional

ROUND = SETTLE + TIMED


def layers(language: LanguageModel) -> list[bool]:
    return [layer._compiled_call_impl is not None for layer in language.decoder.layers]


def eager(layer: Any) -> None:
    layer.compile(backend="eager", dynamic=True)


def run(trial: Regional, steps: int, seconds: float, remaining: float = 10 * WORTH) -> None:
    for _ in range(steps):
        trial.told(1000, seconds, remaining)


@pytest.mark.parametrize(("compiled", "kept"), [(0.9, True), (0.97, False), (1.5, False)])
def test_what_was_quicker_goes_on(compiled: float, kept: bool) -> None:
    language = models.tiny()
    trial = Regional(language, eager)
    run(trial, ROUND - 1, 1.0)
    assert layers(language) == [False, False]
    run(trial, 1, 1.0)
    assert layers(language) == [True, True]
    run(trial, SETTLE, 60.0)  # the time of compiling is not counted
    run(trial, TIMED, compiled)
    assert trial.decided
    assert layers(language) == [kept, kept]


def test_a_training_that_is_nearly_over_is_left_alone() -> None:
    language = models.tiny()
    trial = Regional(language, eager)
    run(trial, 5 * ROUND, 1.0, WORTH - 1)
    assert (trial.decided, layers(language)) == (True, [False, False])


def test_on_a_cpu_nothing_is_tried() -> None:
    from training.schedule import TrainOptions

    assert regional.trial(models.tiny(), TrainOptions(max_steps=1)) is None


def test_compiled_layers_compute_the_same_losses() -> None:
    language, losses = models.tiny(), []
    encoder = Encoder(language.tokenizer)
    windows = tuple(encoder.sample(sample, 4096) for sample in models.windows(3))
    trial = Regional(language, eager)
    for _ in range(2):
        with torch.no_grad():
            losses.append([float(ranks.Losses(language)(packing.MicroBatch(windows[:n]), 0.2)) for n in (1, 2, 3)])
        run(trial, ROUND if not trial.compiled else 0, 1.0)
    assert trial.compiled
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_a_step_whose_compiled_layers_fail_is_made_again_as_it_was() -> None:
    calls: list[bool] = []
    trial = Regional(models.tiny(), eager)
    run(trial, ROUND, 1.0)

    def step(*_: object) -> float:
        calls.append(trial.compiled)
        if trial.compiled:
            raise RuntimeError("the backend could not")
        return 2.5

    assert made(trial, step) == 2.5
    assert calls == [True, False]
    with pytest.raises(ZeroDivisionError):
        made(trial, lambda *_: 1 / 0)


def made(trial: Regional, step: Callable[..., float]) -> float:
    loop: Any = Loop.__new__(Loop)
    loop._trial, loop._step, loop.here = trial, step, type("Here", (), {"step": 0})
    found: float = loop._made((), 1e-3)
    return found
