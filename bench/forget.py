"""How long a person waits until a million messages are gone, and whether they are.

    python -m bench.forget [MESSAGES]

Three accounts of that many invented messages: one chat that holds them all is forgotten; of 240 chats the largest is
forgotten, so that the rest has to be written anew; everything is wiped. Each time is that of the whole command, its
start included. `traces` counts what of the messages still stands in any file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import invented
from data.archive import Archive

MESSAGES = 1_000_000
TRACE = b"@example.org"
"""Stands in some of all invented messages."""


def main() -> None:
    """Print the seconds as one JSON object."""
    parser = argparse.ArgumentParser("python -m bench.forget", description=__doc__.splitlines()[0])
    parser.add_argument("messages", nargs="?", type=int, default=MESSAGES)
    print(json.dumps(measured(parser.parse_args().messages)))


def measured(messages: int) -> dict[str, float]:
    """The figures for accounts of about that many messages."""
    with tempfile.TemporaryDirectory() as folder:
        alone, many, all_ = (Path(folder) / name for name in ("alone", "many", "all"))
        _account(alone, messages, chats=1)
        forget_all = _seconds(alone, "forget", "--yes", "--", "1")
        traces = _traces(alone)
        largest = _account(many, messages, chats=invented.CHATS)
        forget_one = _seconds(many, "forget", "--yes", "--", largest)
        _account(all_, messages, chats=invented.CHATS)
        wipe = _seconds(all_, "wipe", "--yes")
        return {
            "messages": messages,
            "seconds": max(forget_all, forget_one, wipe),
            "seconds_forget_all": forget_all,
            "seconds_forget_largest": forget_one,
            "seconds_wipe": wipe,
            "traces": traces + _traces(all_),
        }


def _account(home: Path, messages: int, chats: int) -> str:
    """A home folder with such an archive; returns the id of its largest chat."""
    home.mkdir(mode=0o700)
    invented.account(home / "archive.db", messages, chats=chats)
    if not _traces(home):
        raise ValueError("too few messages to look for traces of them")
    archive = Archive(home / "archive.db")
    try:
        return str(max((dialog.id for dialog in archive.dialogs()), key=archive.count))
    finally:
        archive.close()


def _seconds(home: Path, verb: str, *more: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bot", verb, "--json", *more],
        env=os.environ | {"DOPPELGRAM_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return round(time.perf_counter() - began, 2)


def _traces(home: Path) -> int:
    return sum(path.read_bytes().count(TRACE) for path in home.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
