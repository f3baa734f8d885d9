"""Where a base comes from: the revision that was asked for, and nothing that could run code."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import ExitCode, UserError
from tests.hub import commit, hub
from training import model

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import json, sys
from pathlib import Path
from data.errors import UserError
from training import base, model
try:
    if sys.argv[1] == "find":
        found = base.find(sys.argv[2], Path(sys.argv[3]))
        told = {"id": found.id, "revision": found.revision, "files": sorted(p.name for p in found.folder.iterdir())}
    elif sys.argv[1] == "configuration":
        told = base.configuration(sys.argv[2], Path(sys.argv[3]))
    else:
        model.load(sys.argv[2], Path(sys.argv[3]), "none")
        told = {}
except UserError as error:
    told = {"refused": error.message, "code": int(error.code)}
print(json.dumps(told))
"""


class Malice:
    """Unpickled, it leaves a file."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._place,))


def ask(what: str, base: str, cache: Path, endpoint: str = "http://127.0.0.1:9") -> dict[str, object]:
    """A process of its own, since the hub's address is read when it is imported."""
    words = [sys.executable, "-c", CODE, what, base, str(cache)]
    settings = os.environ | {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=settings, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, object] = json.loads(done.stdout)
    return told


def small(mark: str) -> dict[str, bytes]:
    """The files of a model of which nobody computes anything."""
    return {
        "config.json": json.dumps({"model_type": "llama", "mark": mark}).encode(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "model.safetensors": mark.encode() * 100,
        "pytorch_model.bin": b"never asked for",
        "modeling_own.py": b"never asked for",
        "onnx/model.onnx": b"never asked for",
    }


def test_a_revision_is_what_the_hub_is_asked_for_and_what_the_adapter_is_bound_to(tmp_path: Path) -> None:
    with hub({"main": small("new"), "v2": small("old")}) as server:
        assert ask("configuration", "some/model@v2", tmp_path, server.address)["mark"] == "old"
        found = ask("find", "some/model@v2", tmp_path, server.address)
        newest = ask("find", "some/model", tmp_path, server.address)
        asked = list(server.asked)
        assert ask("find", "some/model@v2", tmp_path, server.address) == found
        assert server.asked == asked, "it is here by now"
    assert (found["id"], found["revision"]) == ("some/model", commit("v2"))
    assert newest["revision"] == commit("main")
    assert found["files"] == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    snapshots = tmp_path / "hub" / "models--some--model" / "snapshots"
    weights = [(snapshots / commit(name) / "model.safetensors").read_bytes()[:3] for name in ("v2", "main")]
    assert weights == [b"old", b"new"]
    unwanted = ("pytorch_model", "modeling_own", "onnx")
    assert not [path for path in asked if any(word in path for word in unwanted)], "neither pickles nor code came down"


def test_a_revision_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with hub({"main": small("new")}) as server:
        told = ask("find", "some/model@v9", tmp_path, server.address)
    assert told["code"] == 3
    assert "some/model@v9 could not be downloaded (RevisionNotFoundError)" in str(told["refused"])


def _pickled(tmp_path: Path, name: str) -> tuple[dict[str, bytes], Path]:
    left = tmp_path / "left-behind"
    content = pickle.dumps({"weight": Malice(left)})
    pickle.loads(content)
    assert left.exists(), "the fixture has teeth"
    left.unlink()
    return {name: part for name, part in small("it").items() if name.endswith(".json")} | {name: content}, left


def test_a_pickled_model_of_the_hub_is_refused_and_never_even_comes_down(tmp_path: Path) -> None:
    files, left = _pickled(tmp_path, "pytorch_model.bin")
    with hub({"main": files}) as server:
        told = ask("load", "some/model", tmp_path / "cache", server.address)
    assert told["code"] == 3
    assert "no safetensors weights on the hub. Pickled ones can run code" in str(told["refused"])
    assert server.asked
    assert not [path for path in server.asked if "pytorch_model" in path]
    assert not list((tmp_path / "cache").rglob("pytorch_model.bin"))
    assert not left.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.pth", "model.ckpt", "weights.pkl"])
def test_a_pickled_model_in_a_folder_is_refused_before_it_is_unpickled(tmp_path: Path, name: str) -> None:
    files, left = _pickled(tmp_path, name)
    folder = tmp_path / "model"
    folder.mkdir()
    for each, content in files.items():
        (folder / each).write_bytes(content)
    with pytest.raises(UserError, match=f"has only pickled weights .{name}") as refused:
        model.load(str(folder), tmp_path, "none")
    assert refused.value.code is ExitCode.CONFIGURATION
    assert not left.exists()
