"""The training of one home folder, whoever began it, and the one that was begun on the page."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from bot.curve import Course, Curve
from bot.home import Home
from bot.settings import Settings
from bot.web.job import Job
from data.errors import UserError


@dataclass(slots=True)
class Workshop:
    """What starts and stops it."""

    home: Home
    job: Job

    @classmethod
    def of(cls, settings: Settings, home: Home) -> "Workshop":
        """That of a home folder."""
        return cls(home, Job(settings, home))

    def course(self) -> Course | None:
        """How the last one goes or went."""
        return Curve.of(self.home).read()

    @property
    def busy(self) -> bool:
        """Whether one is going on, or beginning, here or elsewhere."""
        return self.job.busy or self.home.trainer() is not None

    def fingerprint(self) -> str:
        """What changes with whatever it does, but for its course."""
        return f"{self.busy} {self.job.fingerprint()}"

    @property
    def why(self) -> str:
        """What went wrong with the one that was begun here last."""
        return self.job.why

    def start(self, minutes: float | None) -> None:
        """Begin one, or go on with what was stopped. Raises UserError where one is going on."""
        if self.busy:
            raise UserError("A training is going on here already.", "Stop it first, or wait for it.")
        self.job.start("train", *(["--minutes", f"{minutes:g}"] if minutes else []))

    def stop(self) -> None:
        """Interrupt the one that goes on, as Ctrl-C would: what was learned is kept."""
        course = self.course()
        if self.job.busy:
            self.job.stop()
        elif course and self.home.trainer() == "doppelgram train":
            with suppress(ProcessLookupError, PermissionError):
                os.kill(course.pid, signal.SIGINT)

    def close(self) -> None:
        """The page ends, and what was begun here with it."""
        self.job.close()
