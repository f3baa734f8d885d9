"""An adapter for other programs: peft's plain folder, or the whole model with the adapter worked into its weights. Of
a network whose every weight was trained, the two are the same.

What is written holds what the chats said, so it is the owner's alone like the adapter itself: folder 0700, files 0600.
The card stays behind: it lists chats, which no other program needs to know.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import ExitCode, UserError
from training.adapter import Adapter, disk, parts_of


def plain(adapter: Adapter, folder: Path) -> int:
    """peft's folder, or the network's, as vLLM and llama.cpp's converters read it. Returns the bytes written.
    Raises `UserError` for a folder that is in use, and for a full disk."""
    with _filling(folder) as work:
        for name in parts_of(adapter.card):
            if (adapter.folder / name).exists():
                shutil.copyfile(adapter.folder / name, work / name)
                (work / name).chmod(0o600)
    return _size(folder)


def merged(adapter: Adapter, folder: Path, base: str, cache: Path, threads: int | None = None) -> int:
    """The base with the adapter added to its weights, as safetensors with tokenizer and chat template.

    In the precision the base is stored in: on an unquantised base, since weights that were rounded to 4 bit once
    should not be rounded again. Needs memory for the whole model. Returns the bytes written. Raises `UserError` for
    another base, a folder in use, and a full disk.
    """
    if adapter.card.method == "full":
        return plain(adapter, folder)
    from safetensors import SafetensorError

    from training import model as models

    with _filling(folder) as work:
        model = models.load(base, cache, "none", threads, adapter.folder, as_stored=True)
        whole = model.adapted.merge_and_unload(safe_merge=True)
        whole.name_or_path = whole.config.name_or_path = ""
        try:
            whole.save_pretrained(work)
            model.tokenizer.save_pretrained(work)
        except SafetensorError as error:
            if "No space left" not in str(error) and "quota" not in str(error):
                raise
            raise UserError(f"The disk is full: {folder} could not be written.", "Free some space first.") from error
        for path in work.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
    return _size(folder)


@contextmanager
def _filling(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes its name at the end: an interrupted export leaves nothing behind."""
    folder = folder.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is in use.", "Name a new or an empty folder.", ExitCode.USAGE)
    with disk(folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".exporting-", dir=folder.parent))  # 0700 by itself
        try:
            yield work
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.expanduser().rglob("*"))
