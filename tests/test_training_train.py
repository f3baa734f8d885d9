"""Training: lowers the loss, keeps its budget, and can be put down and taken up."""

import errno
import itertools
import math
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from data import samples
from data.errors import UserError
from data.pauses import Pauses
from data.transcript import Transcript
from tests import training_models as models
from training import adapter, packing, train
from training.encode import Encoder, Kind
from training.loop import Progress
from training.loss import token_losses
from training.model import LanguageModel
from training.packing import MicroBatch
from training.schedule import TrainOptions
from training.train import StepReport, TrainResult

TINY = TrainOptions(max_steps=8, rank=4, alpha=8, learning_rate=5e-3, micro_batch_tokens=128, warmup_loss_tokens=100)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.dataset(tmp_path_factory.mktemp("data") / "dataset", models.windows(8))


def stop_after(steps: int) -> tuple[list[StepReport], Progress, Callable[[], bool]]:
    reports: list[StepReport] = []
    return reports, reports.append, lambda: len(reports) >= steps


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.causal.named_parameters() if "lora_" in name}


def test_a_few_steps_on_a_few_windows_lower_the_loss_of_the_real_model(tmp_path: Path) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(4))
    options = TrainOptions(max_steps=6, learning_rate=2e-3, micro_batch_tokens=256, warmup_loss_tokens=50)
    try:
        result = train.train(models.real(), data, tmp_path / "me", options)
    finally:
        adapter.detach(models.real())
    assert result.steps == 6
    assert sum(result.losses[-2:]) / 2 < 0.8 * sum(result.losses[:2]) / 2


def test_an_interrupted_and_resumed_training_repeats_the_undisturbed_one(dataset: Path, tmp_path: Path) -> None:
    options = replace(TINY, dropout=0.1)
    undisturbed = models.tiny()
    whole = train.train(undisturbed, dataset, tmp_path / "whole", options)
    first, second = models.tiny(), models.tiny()
    _, progress, stop = stop_after(3)
    part = train.train(first, dataset, tmp_path / "parts", options, progress, stop)
    assert part.interrupted
    assert part.adapter is None
    rest = train.train(second, dataset, tmp_path / "parts", options)
    assert (part.steps, rest.steps) == (3, whole.steps)
    assert part.losses + rest.losses == pytest.approx(whole.losses, rel=1e-5)
    assert rest.tokens == whole.tokens
    expected = weights(undisturbed)
    for name, tensor in weights(second).items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6)


def test_what_is_computed_at_a_time_changes_no_step_and_may_change_in_the_middle(dataset: Path, tmp_path: Path) -> None:
    options = replace(TINY, micro_batch_tokens=1024)
    _, progress, stop = stop_after(3)
    with models.fp32():
        whole = train.train(models.tiny(), dataset, tmp_path / "whole", options)
        part = train.train(models.tiny(), dataset, tmp_path / "parts", options, progress, stop)
        rest = train.train(models.tiny(), dataset, tmp_path / "parts", replace(options, at_once=64))
    assert (part.steps, rest.steps) == (3, whole.steps), "it went on"
    assert part.losses + rest.losses == pytest.approx(whole.losses, rel=1e-4)


def test_no_more_is_computed_at_a_time_than_was_asked_for(dataset: Path, tmp_path: Path) -> None:
    sizes: list[int] = []
    model = models.tiny()
    hook = model.causal.get_input_embeddings().register_forward_pre_hook(lambda _, args: sizes.append(args[0].numel()))
    try:
        train.train(model, dataset, tmp_path / "me", replace(TINY, micro_batch_tokens=1024, at_once=200, max_steps=2))
    finally:
        hook.remove()
    longest = max(len(window.ids) for window in Encoder(model.tokenizer).samples(samples.each(dataset, "train"), 4096))
    assert max(sizes) <= max(200, longest)


def test_an_interrupted_training_leaves_the_model_as_it_was(dataset: Path, tmp_path: Path) -> None:
    model = models.tiny()
    _, progress, stop = stop_after(1)
    train.train(model, dataset, tmp_path / "me", TINY, progress, stop)
    assert model.adapted is None
    assert not model.causal.training
    assert not [name for name, _ in model.causal.named_parameters() if "lora_" in name]


def test_ctrl_c_saves_a_checkpoint_after_the_step(dataset: Path, tmp_path: Path) -> None:
    def press(report: StepReport) -> None:
        if report.step == 2:
            signal.raise_signal(signal.SIGINT)

    result = train.train(models.tiny(), dataset, tmp_path / "me", TINY, press)
    assert result.interrupted
    assert result.steps == 2
    assert [path.name for path in (tmp_path / "me").glob("checkpoint-*")] == ["checkpoint-000000002"]


def test_a_finished_training_leaves_an_adapter_and_no_checkpoint(dataset: Path, tmp_path: Path) -> None:
    _, progress, stop = stop_after(2)
    train.train(models.tiny(), dataset, tmp_path / "me", TINY, progress, stop)
    result = train.train(models.tiny(), dataset, tmp_path / "me", TINY)
    assert result.adapter is not None
    assert result.adapter.card.pauses == Pauses(timedelta(minutes=4), timedelta(minutes=90)), "the live client's too"
    assert sorted(path.name for path in (tmp_path / "me").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    ]


def test_what_interrupts_the_measuring_loses_no_step(dataset: Path, tmp_path: Path) -> None:
    def interrupted() -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("unreachable")

    with pytest.raises(KeyboardInterrupt):
        train.train(models.tiny(), dataset, tmp_path / "me", TINY, measure=interrupted)
    model = models.tiny()
    result = train.train(model, dataset, tmp_path / "me", TINY, measure=lambda: {"base": 2.0, "adapter": 1.0})
    assert (result.steps, result.losses) == (TINY.max_steps, ()), "no step is made a second time"
    assert result.tokens_per_second > 0
    assert result.adapter is not None
    assert adapter.read(tmp_path / "me").card.losses == {"base": 2.0, "adapter": 1.0}
    assert not list((tmp_path / "me").glob("checkpoint-*"))
    undisturbed = models.tiny()
    train.train(undisturbed, dataset, tmp_path / "whole", TINY)
    for name, tensor in weights(undisturbed).items():
        torch.testing.assert_close(weights(model)[name], tensor, rtol=1e-4, atol=1e-6)


def test_ctrl_c_in_the_last_step_is_heard(dataset: Path, tmp_path: Path) -> None:
    def press(report: StepReport) -> None:
        if report.step == TINY.max_steps:
            signal.raise_signal(signal.SIGINT)

    assert train.train(models.tiny(), dataset, tmp_path / "me", TINY, press).interrupted
    assert train.train(models.tiny(), dataset, tmp_path / "me", TINY).losses == ()


def test_another_dataset_does_not_take_up_a_checkpoint(dataset: Path, tmp_path: Path) -> None:
    _, progress, stop = stop_after(2)
    train.train(models.tiny(), dataset, tmp_path / "me", TINY, progress, stop)
    result = train.train(models.tiny(), dataset, tmp_path / "me", replace(TINY, seed=2))
    assert len(result.losses) == TINY.max_steps


def test_an_old_checkpoint_of_another_dataset_does_not_outlive_a_newer_one(dataset: Path, tmp_path: Path) -> None:
    other = replace(TINY, seed=2)
    for options, steps in ((TINY, 3), (other, 1)):
        _, progress, stop = stop_after(steps)
        train.train(models.tiny(), dataset, tmp_path / "me", options, progress, stop)
    assert [path.name for path in (tmp_path / "me").glob("checkpoint-*")] == ["checkpoint-000000001"]
    result = train.train(models.tiny(), dataset, tmp_path / "me", other)
    assert TINY.max_steps is not None
    assert len(result.losses) == TINY.max_steps - 1, "it goes on from the newer one"


def test_a_budget_of_minutes_counts_the_steps_and_nothing_else(dataset: Path, tmp_path: Path) -> None:
    ticks = itertools.count()
    options = replace(TINY, max_steps=None, minutes=0.1)
    result = train.train(models.tiny(), dataset, tmp_path / "me", options, now=lambda: float(next(ticks)))
    assert result.seconds == pytest.approx(6.0)
    assert result.steps == 6


def test_the_learning_rate_warms_up_and_then_falls_to_nothing(dataset: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []
    train.train(models.tiny(), dataset, tmp_path / "me", replace(TINY, max_steps=10), reports.append)
    rates = [report.learning_rate for report in reports]
    assert rates[0] < rates[1]
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] < 0.05 * TINY.learning_rate
    assert reports[-1].fraction == 1.0


def test_a_loss_that_is_not_a_number_is_an_error_to_read_and_a_lower_rate_goes_on_from_the_last_checkpoint(
    dataset: Path, tmp_path: Path
) -> None:
    whole = train.train(models.tiny(), dataset, tmp_path / "whole", TINY)
    _, progress, stop = stop_after(4)
    first = train.train(models.tiny(), dataset, tmp_path / "me", TINY, progress, stop)
    model = models.tiny()
    with pytest.raises(UserError, match="stopped being a number") as told:
        train.train(model, dataset, tmp_path / "me", replace(TINY, learning_rate=1e20))
    assert "LEARNING_RATE=2.5e+19: it goes on from its last checkpoint" in told.value.hint
    assert model.adapted is None
    rest = train.train(models.tiny(), dataset, tmp_path / "me", TINY)
    assert [*first.losses, *rest.losses] == pytest.approx(whole.losses, rel=1e-5)


def test_an_interrupted_training_that_is_damaged_is_a_sentence_that_says_what_to_delete(
    dataset: Path, tmp_path: Path
) -> None:
    _, progress, stop = stop_after(2)
    train.train(models.tiny(), dataset, tmp_path / "me", TINY, progress, stop)
    (place,) = (tmp_path / "me").glob("checkpoint-*")
    (place / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="is damaged on the disk") as told:
        train.train(models.tiny(), dataset, tmp_path / "me", TINY)
    assert str(place) in told.value.hint


def test_a_loss_that_is_no_number_from_the_start_promises_nothing(dataset: Path, tmp_path: Path) -> None:
    model = models.tiny()
    with torch.no_grad():
        model.causal.model.norm.weight.fill_(math.inf)
    with pytest.raises(UserError, match="stopped being a number") as told:
        train.train(model, dataset, tmp_path / "me", TINY)
    assert told.value.hint.endswith("LEARNING_RATE=0.00125.")


def test_a_full_disk_is_an_error_to_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="disk is full"), adapter.disk(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_checkpoints_are_private(dataset: Path, tmp_path: Path) -> None:
    _, progress, stop = stop_after(1)
    train.train(models.tiny(), dataset, tmp_path / "me", TINY, progress, stop)
    for path in [tmp_path / "me", *(tmp_path / "me").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_dataset_without_own_words_is_refused(tmp_path: Path) -> None:
    silent = [models.without_target(sample) for sample in models.windows(2)]
    with pytest.raises(UserError, match="no message of yours"):
        train.train(models.tiny(), models.dataset(tmp_path / "dataset", silent), tmp_path / "me", TINY)


def test_accumulated_micro_batches_make_the_step_of_one_large_batch(dataset: Path, tmp_path: Path) -> None:
    small = replace(TINY, max_steps=1, warmup_loss_tokens=0, micro_batch_tokens=1, step_loss_tokens=10**6)
    large = replace(small, micro_batch_tokens=10**6)
    results: list[tuple[TrainResult, LanguageModel]] = []
    for name, options in (("small", small), ("large", large)):
        model = models.tiny()
        with models.fp32():
            results.append((train.train(model, dataset, tmp_path / name, options), model))
    assert results[0][0].losses == pytest.approx(results[1][0].losses, rel=1e-5)
    assert results[0][0].tokens == results[1][0].tokens


def test_lora_is_on_every_linear_layer_but_the_head(dataset: Path, tmp_path: Path) -> None:
    model = models.tiny()
    train.train(model, dataset, tmp_path / "me", replace(TINY, max_steps=1))
    adapted = {name.split(".lora_A")[0] for name in weights(model) if "lora_A" in name}
    assert {name.rsplit(".", 1)[1] for name in adapted} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    assert len(adapted) == 14


def test_padding_and_neighbours_do_not_change_a_windows_losses() -> None:
    model, encoder = models.tiny(), Encoder(models.tokenizer())
    windows = [encoder.sample(sample, 4096) for sample in models.windows(4)]
    together = token_losses(model, packing.MicroBatch(tuple(windows)))
    for index, window in enumerate(windows):
        alone = token_losses(model, packing.MicroBatch((window,)))
        torch.testing.assert_close(together.nll[together.windows == index], alone.nll)


def test_a_turn_counts_as_much_as_its_weight_in_the_step_and_in_full_when_measured() -> None:
    model = models.tiny()
    (sample,) = models.windows(1)
    turns = tuple(replace(turn, weight=0.25) if turn.mine else turn for turn in sample.transcript.turns)
    encoder = Encoder(model.tokenizer)
    full = MicroBatch((encoder.sample(sample, 4096),))
    light = MicroBatch((encoder.sample(replace(sample, transcript=Transcript(turns)), 4096),))
    assert light.weight(0.2) == pytest.approx(0.25 * full.weight(0.2))
    heavy, weighed = token_losses(model, full), token_losses(model, light)
    assert float(weighed.weighted(0.2)) == pytest.approx(0.25 * float(heavy.weighted(0.2)), rel=1e-5)
    assert weighed.of(Kind.TEXT) == heavy.of(Kind.TEXT)


def test_losses_equal_those_of_the_whole_models_logits() -> None:
    model, encoder = models.tiny(), Encoder(models.tokenizer())
    window = encoder.sample(models.windows(1)[0], 4096)
    losses = token_losses(model, packing.MicroBatch((window,)))
    with torch.no_grad():
        logits = model.causal(input_ids=torch.tensor([window.ids])).logits[0]
    places = [i for i, kind in enumerate(window.kinds) if kind]
    expected = -logits.log_softmax(-1)[[i - 1 for i in places], [window.ids[i] for i in places]]
    torch.testing.assert_close(losses.nll, expected)
    assert losses.kinds.tolist() == [window.kinds[i] for i in places]
    assert losses.of(Kind.TEXT)[1] + losses.of(Kind.FORMAT)[1] == window.loss_tokens
