"""A command that is begun from the page: the same as in a terminal, in a process of its own, so that it can be
interrupted and gone on with from anywhere."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO

from bot.home import Home
from bot.settings import Settings, environment, spelled

PATIENCE = 60.0
"""Seconds for it to keep what it has done, once the page is closed."""
INTERRUPTED = 130
_FAR = re.compile(r"^[a-z]+: (\d+)%, (.*)$", re.MULTILINE)
"""How `progress` says how far it is, where there is no terminal."""


@dataclass(slots=True)
class Errand:
    """The one that goes on, or the last one: one at a time. What it writes lies in files without a name, for the page
    alone; nobody empties a pipe while it works, and a full one would stop it."""

    settings: Settings
    home: Home
    code: int | None = None
    """The exit code of the last one; None while one goes on."""
    why: str = ""
    """What went wrong with it."""
    begun: int = 0
    """How many there have been."""
    _child: "_Child | None" = None

    @property
    def busy(self) -> bool:
        """Whether one is going on."""
        if self._child and (code := self._child.process.poll()) is not None:
            self.code = code = INTERRUPTED if code == -signal.SIGINT else code  # the latter before it is listened to
            if code not in (0, INTERRUPTED):
                self.why = _told(self._child.out) or f"It ended with exit code {code}."
            self._child.forget()
            self._child = None
        return self._child is not None

    @property
    def far(self) -> tuple[float, str] | None:
        """Which share of it is done, 0..1, and what it is at; None where it has not said so."""
        said = _FAR.findall(_text(self._child.err)) if self._child else []
        return (int(said[-1][0]) / 100, said[-1][1]) if said else None

    def fingerprint(self) -> str:
        """What changes with whatever it does: also where one fails as the last did, before anybody looks."""
        return f"{self.begun} {self.busy} {self.far} {self.code}"

    def start(self, *words: str) -> None:
        """Begin a verb, with these options."""
        self.code, self.why, self.begun = None, "", self.begun + 1
        self._child = _Child.begin(self.settings, self.home, *words)

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C would: what was done is kept."""
        if self._child:
            self._child.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """The page ends, and it with the page."""
        if self._child is None:
            return
        self.stop()
        try:
            self._child.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.process.kill()
            self._child.process.wait()
        self._child.forget()
        self._child = None


@dataclass(frozen=True, slots=True)
class _Child:
    """The process, and what it writes."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    @classmethod
    def begin(cls, settings: Settings, home: Home, *words: str) -> "_Child":
        out, err = (tempfile.TemporaryFile(dir=home.path) for _ in range(2))  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *words, "--json"],
            env=environment(home.path, **spelled(settings)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # Ctrl-C in the page's terminal reaches it through `close`, once
        )
        return cls(process, out, err)

    def forget(self) -> None:
        self.out.close()
        self.err.close()


def _text(file: IO[bytes]) -> str:
    """What was written so far. The place where it is written on is the child's too, and stays."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")


def _told(out: IO[bytes]) -> str:
    """The sentence and the hint of an error."""
    try:
        told = json.loads(_text(out).splitlines()[-1])
        return f"{told['error']} {told['hint']}"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
