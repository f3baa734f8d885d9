"""What a long evaluation has finished, kept on the disk under a key of everything that it depends on. Pieces hold what
people wrote: files 0600, the folder 0700.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data.samples import write_private

ROOMS = ("data", "training")


def nothing() -> None:
    """Nothing is demanded."""


@dataclass(frozen=True)
class Pieces:
    """Finished pieces in a folder. A piece with another key, or a damaged one, is as good as none."""

    folder: Path
    key: str
    demand: Callable[[], None] = nothing
    """Raises where what they are made of may no longer be used: then none is written."""

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The piece, made and written now where it is not there. It must survive JSON."""
        path = self.folder / f"{name}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["key"] == self.key:
                return kept["value"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        value = make()
        self.demand()
        private_folder(self.folder)
        write_private(path, json.dumps({"key": self.key, "value": value}, ensure_ascii=False))
        return value


def private_folder(folder: Path) -> None:
    """Make a folder, and what of the way to it is missing, closed to others: `mkdir` closes the last one alone."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def key_of(*parts: object) -> str:
    """A key from everything that a piece depends on, this program itself included."""
    return hashlib.sha256(json.dumps([program(), *map(str, parts)]).encode()).hexdigest()[:32]


@cache
def program(root: Path = Path(__file__).parents[1]) -> str:
    """A digest of what measures and of what it reads: after an upgrade the figures are of one version alone."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
