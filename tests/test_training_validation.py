"""What is kept is what was best on held-out conversations, and a pass that brings nothing is the last."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from data import samples
from data.errors import UserError
from tests import training_models as models
from training import adapter, precision, ranks, schedule, train, validation
from training.encode import Encoded, Encoder
from training.packing import MicroBatch
from training.position import BEST, Position
from training.schedule import TrainOptions
from training.step import NoMemoryError
from training.validation import Validation

OPTIONS = TrainOptions(epochs=8, rank=4, learning_rate=3e-2, micro_batch_tokens=256, warmup_loss_tokens=50)
"""Fast enough to learn eight conversations by heart."""
OTHER = ((False, "did the parcel arrive?"), (True, "not before friday, sadly"), (True, "they lost it twice"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A validation set that has little to do with what is learned."""
    folder = models.dataset(tmp_path_factory.mktemp("data") / "dataset", models.windows(8))
    lines = [replace(models.windows(1)[0], transcript=models.chat(OTHER)).to_json() + "\n"]
    samples.write_private(folder / "validation.jsonl", "".join(lines))
    return folder


def encoded(dataset: Path, split: str) -> list[Encoded]:
    return list(Encoder(models.tokenizer()).samples(samples.each(dataset, split), 4096))


def test_it_stops_where_a_pass_brought_nothing_and_keeps_the_weights_that_were_best(
    dataset: Path, tmp_path: Path
) -> None:
    language = models.tiny()
    result = train.train(language, dataset, tmp_path / "me", OPTIONS)
    steps, losses = zip(*result.validation, strict=True)
    lowest = min(losses)
    assert lowest < losses[-1]
    assert len(losses) - 1 - losses.index(lowest) == validation.PATIENCE, "it stopped, and not before"
    assert (result.best_step, result.steps) == (steps[losses.index(lowest)], steps[-1])
    assert result.steps < 8 * len(schedule.plan(encoded(dataset, "train"), OPTIONS, 0))
    with precision.mixed(language):  # as it was measured
        here = Validation(ranks.Losses(language), encoded(dataset, "validation"), OPTIONS).loss()
    assert here == pytest.approx(lowest, rel=1e-5)
    saved = load_file(tmp_path / "me" / adapter.WEIGHTS)
    assert saved.keys()
    card = adapter.read(tmp_path / "me").card.training
    assert (card["best_step"], card["steps"]) == (result.best_step, result.steps)
    assert not (tmp_path / "me" / BEST).exists()


def test_interrupted_anywhere_it_ends_with_the_same_weights(dataset: Path, tmp_path: Path) -> None:
    undisturbed = models.tiny()
    whole = train.train(undisturbed, dataset, tmp_path / "whole", OPTIONS)
    assert whole.best_step < whole.steps - 1
    for stop_at in (whole.best_step, whole.best_step + 1, whole.steps):
        out, reports = tmp_path / str(stop_at), list[train.StepReport]()
        train.train(
            models.tiny(), dataset, out, OPTIONS, reports.append, lambda last=stop_at, r=reports: len(r) >= last
        )
        language = models.tiny()
        rest = train.train(language, dataset, out, OPTIONS)
        measured = [loss for _, loss in rest.validation]
        assert measured == pytest.approx([loss for _, loss in whole.validation], rel=1e-5)
        assert (rest.best_step, rest.steps) == (whole.best_step, whole.steps)
        expected = dict(undisturbed.causal.named_parameters())
        for name, parameter in language.causal.named_parameters():
            torch.testing.assert_close(parameter, expected[name], rtol=1e-4, atol=1e-6)


def test_a_training_within_its_first_half_pass_reads_no_validation_set(dataset: Path, tmp_path: Path) -> None:
    result = train.train(models.tiny(), dataset, tmp_path / "me", replace(OPTIONS, epochs=None, max_steps=1))
    assert (result.validation, result.best_step) == ((), 1)


def test_without_held_out_conversations_it_goes_to_its_end(dataset: Path, tmp_path: Path) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(4))
    samples.write_private(data / "validation.jsonl", "")
    result = train.train(models.tiny(), data, tmp_path / "me", replace(OPTIONS, epochs=2))
    assert result.validation == ()
    assert result.best_step == result.steps


def test_it_is_read_twice_a_pass_however_large_the_steps_are() -> None:
    for size in (1, 7, 40, 99):
        seen = [n for n in range(0, 1000 - size, size) if validation.is_due(n, n + size, 100)]
        assert len(seen) == pytest.approx(2 * 1000 / 100 if size < 50 else 1000 / size, abs=1)


def test_the_schedule_counts_tokens_with_loss_and_not_steps() -> None:
    options = TrainOptions(epochs=2.0, learning_rate=1.0, warmup_loss_tokens=400)
    for steps in (3, 300):
        assert schedule.used(Position("", step=steps, loss_tokens=1000), options, 1000) == 0.5
    assert schedule.used(Position("", loss_tokens=2000), options, 1000) == 1.0
    rates = [schedule.rate(options, 0.0, learned) for learned in (100, 200, 400, 800)]
    assert rates == [0.25, 0.5, 1.0, 1.0]
    assert schedule.rate(options, schedule.WARMUP_MOST, 1) == schedule.rate(options, schedule.WARMUP_MOST, 400)
    assert schedule.rate(options, 1.0, 800) == 0.0


def test_memory_that_does_not_hold_the_held_out_windows_is_asked_for_half_and_then_is_a_sentence(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, windows, asked = ranks.Losses(models.tiny()), encoded(dataset, "train"), list[int]()
    undisturbed = Validation(losses, windows, OPTIONS)
    reads = losses.forward

    def short(batch: MicroBatch, weight: float) -> torch.Tensor:
        asked.append(batch.tokens)
        if batch.tokens > most:
            raise torch.OutOfMemoryError
        return reads(batch, weight)

    most, wanted = 10**6, undisturbed.loss()
    monkeypatch.setattr(losses, "forward", short)
    held = Validation(losses, windows, OPTIONS)
    most = 200
    assert max(len(window.ids) for window in windows) < most
    assert held.loss() == pytest.approx(wanted, rel=1e-5)
    assert max(asked) > most
    most = 0
    with pytest.raises(NoMemoryError):
        held.loss()


def test_a_training_whose_memory_runs_out_while_it_measures_goes_on_from_there(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train.train(models.tiny(), dataset, tmp_path / "whole", OPTIONS)

    def full(*_: object) -> float:
        raise NoMemoryError(whole=True)

    with monkeypatch.context() as trouble:
        trouble.setattr(Validation, "loss", full)
        with pytest.raises(UserError, match="The memory ran out at step") as caught:
            train.train(models.tiny(), dataset, tmp_path / "me", OPTIONS)
    assert "goes on" in (caught.value.hint or "")

    def crowded() -> dict[str, float]:
        raise torch.OutOfMemoryError

    with pytest.raises(UserError, match="what was learned is kept"):
        train.train(models.tiny(), dataset, tmp_path / "me", OPTIONS, measure=crowded)
    rest = train.train(models.tiny(), dataset, tmp_path / "me", OPTIONS)
    assert rest.losses == (), "no step was made again"
    assert rest.steps == whole.steps
