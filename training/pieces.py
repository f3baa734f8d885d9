"""What a long evaluation has finished, kept on the disk under a key of everything that it depends on. Pieces hold what
people wrote: files 0600, the folder 0700.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.samples import write_private


@dataclass(frozen=True)
class Pieces:
    """Finished pieces in a folder. A piece with another key, or a damaged one, is as good as none."""

    folder: Path
    key: str

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
        private_folder(self.folder)
        write_private(path, json.dumps({"key": self.key, "value": value}, ensure_ascii=False))
        return value


def private_folder(folder: Path) -> None:
    """Make a folder, and what of the way to it is missing, closed to others: `mkdir` closes the last one alone."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def key_of(*parts: object) -> str:
    """A key from everything that a piece depends on."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:32]
