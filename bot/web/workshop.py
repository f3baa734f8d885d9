"""Trainings that are started and stopped from the page: the same command as in a terminal, in a process of its own, so
that it can be interrupted and gone on with from anywhere.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from bot.curve import Course, Curve
from bot.home import Home
from bot.settings import Settings, environment, spelled
from data.errors import UserError

PATIENCE = 60.0
"""Seconds for a training to keep what it has learned, once the page is closed."""


@dataclass(slots=True)
class Workshop:
    """The training of one home folder, whoever began it, and the process that was begun here."""

    settings: Settings
    home: Home
    _child: subprocess.Popen[str] | None = None
    _why: str = ""

    def course(self) -> Course | None:
        """How the last one goes or went."""
        return Curve.of(self.home).read()

    @property
    def busy(self) -> bool:
        """Whether one is going on, or beginning, here or elsewhere."""
        self._look()
        return self._child is not None or self.home.trainer() is not None

    @property
    def why(self) -> str:
        """What went wrong with the one that was begun here last."""
        self._look()
        return self._why

    def start(self, minutes: float | None) -> None:
        """Begin one, or go on with what was stopped. Raises UserError where one is going on."""
        if self.busy:
            raise UserError("A training is going on here already.", "Stop it first, or wait for it.")
        self._why = ""
        words = ["train", "--json", *(["--minutes", f"{minutes:g}"] if minutes else [])]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bot", *words],
            env=environment(self.home.path, **spelled(self.settings)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C in the page's terminal reaches it through `close`, once
        )

    def stop(self) -> None:
        """Interrupt the one that goes on, as Ctrl-C would: what was learned is kept."""
        course = self.course()
        if self._child is not None:
            self._child.send_signal(signal.SIGINT)
        elif course and self.home.trainer() == "doppelgram train":
            with suppress(ProcessLookupError, PermissionError):
                os.kill(course.pid, signal.SIGINT)

    def close(self) -> None:
        """The page ends, and what was begun here with it."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()

    def _look(self) -> None:
        """Take note of the end of the process."""
        if self._child is None or self._child.poll() is None:
            return
        out, _ = self._child.communicate()
        if self._child.returncode not in (0, 130):
            self._why = _told(out) or f"It ended with exit code {self._child.returncode}."
        self._child = None


def _told(out: str) -> str:
    try:
        told = json.loads(out.splitlines()[-1])
        return f"{told['error']} {told['hint']}"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
