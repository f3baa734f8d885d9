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
LAST = 4096
"""Bytes of its words that are looked through for the last ones."""
_FAR = re.compile(r"^[a-z]+: (\d+)%, (.*)$", re.MULTILINE)
"""How `progress` says how far it is, where there is no terminal."""


@dataclass(slots=True)
class Job:
    """The one that goes on, or the last one: one at a time. What it writes lies in files without a name, for the page
    alone; nobody empties a pipe while it works, and a full one would stop it."""

    settings: Settings
    home: Home
    begun: int = 0
    """How many there have been."""
    _child: "_Child | None" = None
    _stopped: bool = False
    _why: str = ""

    @property
    def busy(self) -> bool:
        """Whether one is going on."""
        self._look()
        return self._child is not None

    @property
    def stopped(self) -> bool:
        """Whether the last one was interrupted, and has ended for that."""
        return self._stopped and not self.busy

    @property
    def why(self) -> str:
        """What went wrong with the last one."""
        self._look()
        return self._why

    @property
    def far(self) -> tuple[float, str] | None:
        """Which share of it is done, 0..1, and what it is at; None where it has not said so."""
        said = _FAR.findall(_text(self._child.err, LAST)) if self._child else []
        return (int(said[-1][0]) / 100, said[-1][1]) if said else None

    def fingerprint(self) -> str:
        """What changes with whatever it does: also where one fails as the last did, before anybody looks."""
        return f"{self.begun} {self.busy} {self.far} {self.stopped} {self.why}"

    def start(self, *words: str) -> None:
        """Begin a verb, with these options."""
        self._stopped, self._why, self.begun = False, "", self.begun + 1
        self._child = _Child.begin(self.settings, self.home, *words)

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C would: what was done is kept."""
        if self._child:
            self._stopped = True
            self._child.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """The page ends, and it with the page."""
        if self._child is None:
            return
        if not self._stopped:  # a second Ctrl-C would break off what the first one has it keep
            self.stop()
        try:
            self._child.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.process.kill()
            self._child.process.wait()
        self._child.forget()
        self._child = None

    def _look(self) -> None:
        """Take note of the end of the process."""
        if self._child is None or (code := self._child.process.poll()) is None:
            return
        if code == 0:
            self._stopped = False
        elif not self._stopped:  # before it listens to signals, it ends by one with any code
            self._why = _told(self._child.out) or f"It ended with exit code {code}."
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
            env=_plain(environment(home.path, **spelled(settings))),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # Ctrl-C in the page's terminal reaches it through `close`, once
        )
        return cls(process, out, err)

    def forget(self) -> None:
        self.out.close()
        self.err.close()


def _plain(variables: dict[str, str]) -> dict[str, str]:
    """Without what makes rich take a file for a terminal, where it draws a bar instead of saying how far it is."""
    return {name: value for name, value in variables.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}


def _text(file: IO[bytes], last: int | None = None) -> str:
    """What was written so far, or the last bytes of it. The place where it is written on is the child's too, and
    stays."""
    size = os.fstat(file.fileno()).st_size
    first = 0 if last is None else max(0, size - last)
    return os.pread(file.fileno(), size - first, first).decode(errors="replace")


def _told(out: IO[bytes]) -> str:
    """The sentence and the hint of an error."""
    try:
        told = json.loads(_text(out).splitlines()[-1])
        return f"{told['error']} {told['hint']}"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
