"""The word lists beside this file."""

from pathlib import Path


def words(name: str) -> tuple[str, ...]:
    """The words of `NAME.txt`; a line that begins with "# " holds none."""
    lines = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if not line.startswith("# ") for word in line.split())
