"""adapters list, use, remove and export as a person runs them: which one speaks, which may not, and how one leaves."""

import json
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from bot.home import Home
from data.consent import Ledger
from data.transcript import Scope
from tests import training_models as models
from tests.fakes import recorded_adapter
from tests.terminal import Terminal
from training import adapter, base, model, train
from training.schedule import TrainOptions

Add = Callable[..., None]


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    """A home where chats 5 and 6 may be used whole, and a base that is not on this disk."""
    with closing(Home.at(tmp_path / "home").open_archive()) as archive:
        for dialog_id in (5, 6):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    settings = {"DOPPELGRAM_MODEL__BASE": "recorded", "DOPPELGRAM_MODEL__CACHE": str(tmp_path / "cache")}
    return Terminal(tmp_path, settings=settings)


@pytest.fixture
def add(shell: Terminal) -> Add:
    """Put an adapter there whose weights nobody looks at."""

    def make(name: str, chat: int = 5, **changes: object) -> None:
        card = replace(recorded_adapter(name, **{f"_{chat}": "chat"}).card, created_at=name)
        folder = shell.home / "adapters" / name
        folder.mkdir(parents=True)
        (folder / adapter.CARD).write_text(json.dumps(asdict(replace(card, **changes))))
        (folder / adapter.WEIGHTS).touch()
        (folder / adapter.CONFIG).touch()

    return make


async def speaks(shell: Terminal) -> str | None:
    rows = (await shell("adapters", "list", "--json")).ok().json
    (name,) = [row["name"] for row in rows if row["speaks"]] or [None]
    assert name == (await shell("status", "--json")).ok().json["adapter"]
    return name


async def test_the_newest_speaks_until_another_is_chosen_and_again_without_a_name(shell: Terminal, add: Add) -> None:
    add("2026-01")
    add("2026-02")
    assert await speaks(shell) == "2026-02"
    assert (await shell("adapters", "use", "2026-01", "--json")).ok().json == {"speaks": "2026-01", "chosen": True}
    assert await speaks(shell) == "2026-01"
    shell.settings["DOPPELGRAM_MODEL__ADAPTER"] = "2026-02"
    assert await speaks(shell) == "2026-02", "the settings go before it"
    assert "MODEL__ADAPTER" in (await shell("adapters", "use", "2026-01")).failed(3).err
    del shell.settings["DOPPELGRAM_MODEL__ADAPTER"]
    (await shell("adapters", "use")).ok()
    assert await speaks(shell) == "2026-02"


async def test_a_stale_adapter_is_marked_and_neither_chosen_nor_exported_nor_used(shell: Terminal, add: Add) -> None:
    add("2026-01")
    add("2026-02", chat=6)
    (await shell("adapters", "use", "2026-02")).ok()
    with closing(Home.at(shell.home).open_archive()) as archive:
        Ledger(archive).revoke(6, datetime.now(UTC))
    rows = (await shell("adapters", "list", "--json")).ok().json
    assert [(row["name"], row["stale"], row["speaks"]) for row in rows] == [
        ("2026-01", False, False),
        ("2026-02", True, False),
    ]
    assert "stale\t2026-02" in (await shell("adapters", "list")).ok().out
    for words in (("use", "2026-02"), ("export", "out"), ("export", "out", "--name", "2026-02")):
        assert "is stale" in (await shell("adapters", *words)).failed(7).err
    assert not (shell.path / "out").exists()
    (await shell("adapters", "use")).ok()
    assert await speaks(shell) == "2026-01"


async def test_an_adapter_of_another_base_is_refused_on_the_command_line(shell: Terminal, add: Add) -> None:
    add("elsewhere", base="another")
    add("mine")
    refused = (await shell("adapters", "use", "elsewhere", "--json")).failed(3)
    assert "another base model (another, not recorded)" in refused.json["error"]
    assert "MODEL__BASE" in refused.json["hint"]
    assert await speaks(shell) == "mine"
    assert not (shell.path / "cache").exists(), "nothing is downloaded to find that out"


async def test_a_base_on_this_disk_is_compared_byte_for_byte_before_anything_is_loaded(
    shell: Terminal, add: Add
) -> None:
    base.find("smollm2", models.MODELS)
    shell.settings |= {"DOPPELGRAM_MODEL__BASE": "smollm2", "DOPPELGRAM_MODEL__CACHE": str(models.MODELS)}
    unknown = replace(recorded_adapter().card, base="smollm2")
    identity = model.identity_on_disk("smollm2", models.MODELS, unknown)
    add("mine", **identity.as_json())
    add("other", **(identity.as_json() | dict.fromkeys(("revision", "template", "tokenizer"), "another")))
    refused = (await shell("adapters", "use", "other")).failed(3)
    assert "another base model's weights and chat template and tokenizer" in refused.err
    (await shell("adapters", "use", "mine")).ok()
    assert await speaks(shell) == "mine"


async def test_remove_asks_deletes_the_whole_folder_and_ends_the_choice(shell: Terminal, add: Add) -> None:
    add("2026-01")
    add("2026-02")
    (await shell("adapters", "use", "2026-01")).ok()
    assert "--yes" in (await shell("adapters", "remove", "2026-01")).failed(2).err
    assert await speaks(shell) == "2026-01"
    assert (await shell("adapters", "remove", "2026-01", "--yes", "--json")).ok().json == {
        "removed": "2026-01",
        "speaks": "2026-02",
    }
    assert [path.name for path in (shell.home / "adapters").iterdir()] == ["2026-02"]
    for name in ("2026-01", "..", "../dataset", ""):
        (await shell("adapters", "remove", name, "--yes")).failed(1)
    assert shell.home.exists()


async def test_the_adapter_that_may_be_speaking_is_not_removed(shell: Terminal, add: Add) -> None:
    add("mine")
    with Home.at(shell.home).holding_login("run"):
        assert "Stop" in (await shell("adapters", "remove", "mine", "--yes")).failed(1).err
    (await shell("adapters", "remove", "mine", "--yes")).ok()
    assert await speaks(shell) is None


async def test_an_export_speaks_elsewhere_as_it_does_here(shell: Terminal) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, home = shell.path / "tiny", shell.home / "adapters"
    tiny = models.tiny()
    tiny.causal.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    tuned = model.load(str(folder), models.MODELS, "none")
    data = models.dataset(shell.path / "dataset", [replace(window, dialog_id=5) for window in models.windows(3)])
    train.train(tuned, data, home / "me", TrainOptions(max_steps=2, rank=4, learning_rate=5e-2))
    ids = torch.tensor([[5, 6, 7, 8]])
    wanted = tuned.causal(input_ids=ids).logits
    shell.settings["DOPPELGRAM_MODEL__BASE"] = str(folder)

    said = (await shell("adapters", "export", "plain")).ok()
    assert "what the chats said" in said.err
    assert {path.name for path in (shell.path / "plain").iterdir()} == {adapter.WEIGHTS, adapter.CONFIG}
    with adapter.peft_warnings():
        there = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(shell.path / "plain"))
    torch.testing.assert_close(there(input_ids=ids).logits, wanted)

    report = (await shell("adapters", "export", "whole", "--merged", "--json")).ok().json
    assert (report["adapter"], report["base"], report["merged"]) == ("me", "tiny", True)
    whole = AutoModelForCausalLM.from_pretrained(shell.path / "whole", use_safetensors=True)
    torch.testing.assert_close(whole(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-4)
    assert AutoTokenizer.from_pretrained(shell.path / "whole").chat_template == tiny.tokenizer.chat_template

    for name in ("plain", "whole"):
        assert stat.S_IMODE((shell.path / name).stat().st_mode) == 0o700
        for path in (shell.path / name).iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert str(shell.path).encode() not in path.read_bytes(), path.name
    before = (shell.path / "plain" / adapter.WEIGHTS).stat().st_mtime_ns
    assert "in use" in (await shell("adapters", "export", "plain")).failed(2).err
    assert (shell.path / "plain" / adapter.WEIGHTS).stat().st_mtime_ns == before
    assert not [path for path in shell.path.iterdir() if path.name.startswith(".exporting")]


async def test_a_whole_trained_network_is_listed_used_and_exported_like_any_adapter(shell: Terminal, add: Add) -> None:
    for name, method in (("2026-01", "full"), ("2026-02", "lora")):
        add(name, method=method)
    folder = shell.home / "adapters" / "2026-01"
    assert "no safetensors weights" in (await shell("adapters", "use", "2026-01")).failed(3).err, "LoRA's are not its"
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (folder / name).write_text(name)
    assert (await shell("adapters", "use", "2026-01", "--json")).ok().json["speaks"] == "2026-01"
    rows = (await shell("adapters", "list", "--json")).ok().json
    assert [(row["name"], row["method"], row["speaks"]) for row in rows] == [
        ("2026-01", "full", True),
        ("2026-02", "lora", False),
    ]
    (await shell("adapters", "export", str(shell.path / "out"))).ok()
    names = {path.name: path.read_text() for path in (shell.path / "out").iterdir()}
    assert names == {name: name for name in ("model.safetensors", "config.json", "tokenizer.json")}
