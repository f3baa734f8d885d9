"""Two processes train as one does: each holds half of the network, and losses, adapter and checkpoint are the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests import child_ranks
from tests import training_models as models
from training import adapter, network, packing, ranks, train
from training.encode import Encoder
from training.schedule import TrainOptions

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = TrainOptions(max_steps=8, rank=4, alpha=8, learning_rate=5e-3, micro_batch_tokens=256, warmup_loss_tokens=100)


@pytest.fixture(scope="module", autouse=True)
def fp32() -> Iterator[None]:
    """What is shared out always computes so."""
    with models.fp32():
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.dataset(tmp_path_factory.mktemp("data") / "dataset", models.windows(8))


@pytest.fixture(scope="module")
def alone(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[train.TrainResult, Path]:
    out = tmp_path_factory.mktemp("alone") / "me"
    return train.train(models.tiny(), dataset, out, OPTIONS), out


def together(dataset: Path, out: Path | None, options: TrainOptions = OPTIONS, stop: int = 1000) -> dict[str, Any]:
    """Train with two processes, as a person starts them."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    place = [str(out)] if out else []
    child = ["-m", "tests.child_ranks", str(dataset), *place, json.dumps(asdict(options)), *[str(stop)][: len(place)]]
    done = subprocess.run([*launch, *child], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    told: dict[str, Any] = json.loads(line)
    assert told["several"], "the processes did not find each other"
    return told


def test_two_processes_have_the_losses_and_the_adapter_of_one(
    dataset: Path, alone: tuple[train.TrainResult, Path], tmp_path: Path
) -> None:
    told = together(dataset, tmp_path / "me")
    assert told["losses"] == pytest.approx(alone[0].losses, abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "me").iterdir()) == sorted(path.name for path in alone[1].iterdir())
    card = adapter.read(tmp_path / "me").card
    assert alone[0].adapter is not None
    assert card.training["tokens"] == alone[0].tokens
    expected, found = (load_file(out / adapter.WEIGHTS) for out in (alone[1], tmp_path / "me"))
    assert {name: tensor.shape for name, tensor in found.items()} == {n: t.shape for n, t in expected.items()}
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() < 1e-4, name


def test_two_processes_train_every_weight_as_one_does_and_each_holds_half_of_them(dataset: Path) -> None:
    unclipped = replace(OPTIONS, clip=1e9)
    expected = child_ranks.every_weight(dataset, unclipped)
    told = together(dataset, None, unclipped)
    assert len(told["losses"]) > 3
    assert told["losses"] == pytest.approx(expected["losses"], abs=1e-4)
    assert (expected["share"], told["share"]) == pytest.approx((1.0, 0.5), rel=0.01)


def test_what_two_processes_began_one_goes_on_with_and_the_other_way_round(
    dataset: Path, alone: tuple[train.TrainResult, Path], tmp_path: Path
) -> None:
    begun = together(dataset, tmp_path / "first", stop=3)
    assert begun["interrupted"]
    assert len(begun["losses"]) == 3
    assert [path.name for path in (tmp_path / "first").glob("checkpoint-*")] == ["checkpoint-000000003"]
    rest = train.train(models.tiny(), dataset, tmp_path / "first", OPTIONS)
    assert [*begun["losses"], *rest.losses] == pytest.approx(alone[0].losses, abs=1e-4)

    made: list[train.StepReport] = []
    part = train.train(models.tiny(), dataset, tmp_path / "second", OPTIONS, made.append, lambda: len(made) >= 3)
    ended = together(dataset, tmp_path / "second")
    assert [*part.losses, *ended["losses"]] == pytest.approx(alone[0].losses, abs=1e-4)


def test_each_window_of_a_step_is_dealt_to_one_rank_alone() -> None:
    encoder = Encoder(models.tokenizer())
    windows = list(encoder.samples(models.windows(8), 400))
    batches = packing.micro_batches(windows, 256)
    for count in (1, 2, 3, 20):
        parts = ranks.deal(batches, count, 256)
        assert len(parts) == count
        dealt = [window for part in parts for batch in part for window in batch.windows]
        assert sorted(map(str, dealt)) == sorted(map(str, windows))


def test_a_process_that_nobody_started_with_others_is_the_first_and_works_alone() -> None:
    with ranks.group():
        assert ranks.first()
        assert not ranks.several()
    assert ranks.total(2.5) == 2.5
    assert ranks.alike("me") == "me"


def test_two_processes_make_the_network_that_one_makes_of_every_weight(dataset: Path, tmp_path: Path) -> None:
    """And computing activations twice changes nothing there either."""
    every = replace(OPTIONS, method="full", max_steps=5, learning_rate=1e-3)
    one = train.train(models.tiny(), dataset, tmp_path / "one", every)
    told = together(dataset, tmp_path / "two", replace(every, checkpointing="partial"))
    assert told["losses"] == pytest.approx(one.losses, abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(
        path.name for path in (tmp_path / "one").iterdir()
    )
    expected, found = (load_file(tmp_path / name / network.WEIGHTS) for name in ("one", "two"))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() < 1e-3, name
    assert adapter.read(tmp_path / "two").card.method == "full"
