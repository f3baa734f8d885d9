"""`doppelgram plan` as a process: what it prints for a person and for a program, and what it refuses."""

import json
from pathlib import Path

import pytest

from data.archive import Archive
from tests import training_models as models
from tests.terminal import Terminal

QWEN = {
    "model_type": "qwen3",
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def folder(place: Path, config: dict[str, object]) -> str:
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config))
    return str(place)


async def test_the_table_says_that_it_is_computed_and_needs_neither_dataset_nor_network(terminal: Terminal) -> None:
    shown = (await terminal("plan", "--gpu", "RTX 3090", "--price-per-hour", "0.5")).ok()
    assert "RTX 3090, 24.0 GiB. Computed, not measured." in shown.err
    assert "there is no dataset yet" in shown.err
    rows = [line.split("\t") for line in shown.out.splitlines()]
    assert rows[0][:4] == ["Qwen/Qwen3-14B", "119", "qlora", "1,024"]
    assert any(row[0] == "Qwen/Qwen2.5-7B-Instruct (yours)" for row in rows)
    assert all(len(row) == 8 for row in rows)


async def test_json_has_a_row_for_each_base_with_memory_time_and_cost(terminal: Terminal) -> None:
    report = (await terminal("plan", "--gpu", "RTX 3090", "--price-per-hour", "0.5", "--json")).ok().json
    assert (report["label"], report["machine"], report["memory_bytes"]) == (
        "computed, not measured",
        "RTX 3090",
        24 << 30,
    )
    row = next(row for row in report["rows"] if row["yours"])
    assert row["fits"]
    assert row["peak_bytes"] < 24 << 30
    assert row["cost"] == pytest.approx(row["seconds"] / 3600 * 0.5, abs=0.01)


async def test_a_base_is_shown_in_each_method_and_what_does_not_fit_says_what_it_would_take(terminal: Terminal) -> None:
    base = folder(terminal.path / "mine", QWEN)
    words = ("plan", "--base", base, "--gpu", "RTX 3090")
    report = (await terminal(*words, "--json")).ok().json
    table = (await terminal("plan", "--base", "Qwen/Qwen3-8B", "--gpu", "RTX 3090", "--json")).ok().json
    assert [row["method"] for row in report["rows"]] == ["qlora", "lora", "full"]
    assert [row["fits"] for row in report["rows"]] == [True, True, False]
    assert [row["peak_bytes"] for row in report["rows"]] == [row["peak_bytes"] for row in table["rows"]]
    shown = (await terminal(*words)).ok()
    assert "does not fit" in shown.out.splitlines()[2]
    assert "GiB" in shown.out.splitlines()[2], "and what it would take"


async def test_on_a_cpu_the_method_that_train_takes_there_is_advised(terminal: Terminal) -> None:
    terminal.settings["CUDA_VISIBLE_DEVICES"] = ""
    shown = (await terminal("plan", "--base", folder(terminal.path / "mine", QWEN | {"num_hidden_layers": 2}))).ok()
    assert [line.split("\t")[2] for line in shown.out.splitlines()[:3]] == ["lora", "qlora", "full"]


async def test_with_a_dataset_its_tokens_are_counted_and_time_grows_with_the_passes(terminal: Terminal) -> None:
    assert (await terminal("plan", "--gpu", "L4", "--json")).ok().json["tokens_are"] == "assumed"
    Archive(terminal.home / "archive.db").close()
    models.dataset(terminal.home / "dataset", models.windows())
    terminal.settings |= {"DOPPELGRAM_MODEL__CACHE": str(models.MODELS), "DOPPELGRAM_MODEL__BASE": "smollm2"}
    models.real()  # unpacked by now
    counted = (await terminal("plan", "--gpu", "L4", "--json")).ok().json
    assert counted["tokens_are"] == "counted"
    terminal.settings["DOPPELGRAM_TRAIN__EPOCHS"] = "3000"
    long = (await terminal("plan", "--gpu", "L4", "--json")).ok().json
    one, more = counted["rows"][0], long["rows"][0]
    assert more["seconds"] == pytest.approx(1000 * one["seconds"], abs=501)
    assert more["seconds"] > one["seconds"]


async def test_without_a_gpu_named_it_is_for_this_machine(terminal: Terminal) -> None:
    import torch

    report = (await terminal("plan", "--json")).ok().json
    assert (
        report["machine"] == torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else "this CPU" in report["machine"]
    )


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--gpu", "voodoo"), 2, "The GPU voodoo is not in the table."),
        (("--base", "./nowhere"), 3, "There is no model folder ./nowhere."),
    ],
)
async def test_what_it_does_not_know_it_says(
    terminal: Terminal, words: tuple[str, ...], code: int, sentence: str
) -> None:
    assert sentence in (await terminal("plan", *words)).failed(code).err


async def test_a_folder_without_a_configuration_and_another_architecture_are_refused(terminal: Terminal) -> None:
    (terminal.path / "empty").mkdir()
    refused = (await terminal("plan", "--base", str(terminal.path / "empty"), "--gpu", "L4")).failed(3)
    assert "has no config.json that can be read" in refused.err
    other = folder(terminal.path / "other", QWEN | {"model_type": "mamba"})
    assert "cannot compute the architecture mamba" in (await terminal("plan", "--base", other)).failed(3).err
