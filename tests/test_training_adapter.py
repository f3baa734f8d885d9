"""The adapter folder: private, portable, and refused by any other base."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.errors import ExitCode, UserError
from tests import training_models as models
from training import adapter, train
from training.adapter import Adapter
from training.generate import Generator
from training.schedule import TrainOptions

CONTEXT = models.chat(models.CHAT[:-1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


def make(home: Path, name: str = "me", **changes: object) -> Adapter:
    data = models.dataset(home.parent / "dataset", models.windows(3))
    options = TrainOptions(max_steps=2, rank=4, alpha=8, learning_rate=5e-2)
    made = train.train(models.tiny(), data, home / name, options).adapter
    assert made is not None
    return adapter.update(made, **changes) if changes else made


def test_a_saved_adapter_speaks_as_the_trained_model_did(home: Path, tmp_path: Path) -> None:
    data = models.dataset(tmp_path / "dataset", models.windows(3))
    trained, loaded = models.tiny(), models.tiny()
    train.train(trained, data, home / "me", TrainOptions(max_steps=3, rank=4, learning_rate=5e-2))
    adapter.attach(loaded, home / "me")
    tuned = Generator(trained).reply(CONTEXT, 2, seed=1, max_tokens=10)
    assert Generator(loaded).reply(CONTEXT, 2, seed=1, max_tokens=10) == tuned
    assert Generator(models.tiny()).reply(CONTEXT, 2, seed=1, max_tokens=10) != tuned
    adapter.detach(loaded)
    assert Generator(loaded).reply(CONTEXT, 2, seed=1, max_tokens=10) == Generator(models.tiny()).reply(
        CONTEXT, 2, seed=1, max_tokens=10
    )


def test_the_folder_names_no_path_of_this_machine(home: Path) -> None:
    made = make(home)
    for path in made.folder.rglob("*"):
        content = path.read_bytes()
        for trace in (str(home), str(models.MODELS), str(Path.home()), "/work"):
            assert trace.encode() not in content, (path.name, trace)
    assert json.loads((made.folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"
    assert not (made.folder / "README.md").exists()


def test_an_adapter_is_readable_by_its_owner_alone(home: Path) -> None:
    made = make(home)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("part", ["base", "revision", "template", "tokenizer"])
def test_an_adapter_of_another_base_is_refused(home: Path, part: str) -> None:
    made = make(home, **{part: "another"})
    with pytest.raises(UserError, match="does not fit") as refused:
        adapter.attach(models.tiny(), made.folder)
    assert refused.value.code is ExitCode.CONFIGURATION


def test_an_adapter_may_meet_its_base_in_another_quantization(home: Path) -> None:
    made = make(home)
    adapter.check(made, replace(models.tiny().identity, quantization="nf4"))


def test_a_folder_without_safetensors_weights_is_refused(home: Path) -> None:
    made = make(home)
    (made.folder / adapter.WEIGHTS).rename(made.folder / "adapter_model.bin")
    with pytest.raises(UserError, match="no safetensors"):
        adapter.attach(models.tiny(), made.folder)


def test_a_damaged_adapter_is_refused(home: Path) -> None:
    from safetensors.torch import load_file, save_file

    made = make(home)
    tensors = load_file(made.folder / adapter.WEIGHTS)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, made.folder / adapter.WEIGHTS)
    model = models.tiny()
    with pytest.raises(UserError, match="damaged"):
        adapter.attach(model, made.folder)
    assert model.adapted is None


def test_the_card_says_what_the_adapter_was_made_from(home: Path) -> None:
    card = adapter.read(make(home).folder).card
    assert card.chats == (0, 1, 2)
    assert (card.dataset, card.built_at) == ("0123456789abcdef", models.NOON.isoformat())
    assert (card.window, card.zone, card.stale) == (4000, "UTC", False)
    assert card.training["steps"] == 2
    assert card.base == "tiny"


def test_a_forgotten_chat_makes_every_adapter_that_holds_it_stale(home: Path) -> None:
    make(home, "old", chats=(1, 2), created_at="2026-01-01")
    make(home, "new", chats=(3,), created_at="2026-02-01")
    assert adapter.mark_stale(home, 3) == ["new"]
    assert [(a.card.name, a.card.stale) for a in adapter.every(home)] == [("old", False), ("new", True)]
    newest = adapter.newest(home)
    assert newest is not None
    assert newest.card.name == "old"
    adapter.remove(newest.folder)
    assert adapter.newest(home) is None


def test_an_unfinished_folder_is_no_adapter(home: Path) -> None:
    (home / "begun" / "checkpoint-000000003").mkdir(parents=True)
    assert adapter.every(home) == []
    with pytest.raises(UserError, match="no adapter"):
        adapter.read(home / "begun")


def test_with_the_adapter_off_the_model_is_its_base(home: Path) -> None:
    made, model = make(home), models.tiny()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        base = model.causal(input_ids=ids).logits
        adapter.attach(model, made.folder)
        with model.without_adapter():
            torch.testing.assert_close(model.causal(input_ids=ids).logits, base)
        assert not torch.allclose(model.causal(input_ids=ids).logits, base)


def test_the_training_that_was_interrupted_last_is_gone_on_with_whatever_its_name(tmp_path: Path) -> None:
    assert adapter.unfinished(tmp_path / "nothing") is None
    for name, at in (("2026-03-03-9", 1), ("2026-03-03-10", 2), (".rented-x", 3), ("2026-03-03-11", 4)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (at, at))
    (tmp_path / "2026-03-03-11" / adapter.CARD).write_text("{}")
    os.utime(tmp_path / "2026-03-03-11", (4, 4))
    assert adapter.unfinished(tmp_path) == tmp_path / "2026-03-03-10"
