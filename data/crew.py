"""The processes that make a dataset together: this one, and helpers that each take a share of the chats.

A helper is a fresh process (`spawn`), so that it inherits neither threads nor open files. It is deaf to Ctrl-C, which a
terminal sends to all: this process ends it, and it ends by itself soon after this one is gone.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from data.archive import Archive
from data.census import Census
from data.consent import Consent
from data.errors import ExitCode, UserError
from data.share import Plan, Share, Written, divide
from data.uncollected import uncollected

ENOUGH = 150_000
"""Messages a process, below which another one costs more to start than it saves."""
MOST = 4
"""Processes: each takes up to 200 MB."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A `UserError` on its way from a helper."""

    message: str
    hint: str
    code: ExitCode


@dataclass(frozen=True, slots=True)
class Crew:
    """A share of one's own, and the helpers."""

    share: Share
    helpers: list["_Helper"]

    def count(self) -> Census:
        """What must be known of all chats before one is cut."""
        counted = self.share.count()
        for helper in self.helpers:
            counted.add(helper.answer())
        return counted

    def write(self, plan: Plan, progress: Callable[[float], None]) -> Written:
        """Write the turns of all chats, a file a share. `progress` is told how far the own one is, for all are of about
        one size."""
        for helper in self.helpers:
            helper.tell(plan)
        written = self.share.write(plan, progress)
        for helper in self.helpers:
            written.add(helper.answer())
        return written


@contextmanager
def at_work(archive: Archive, consents: dict[int, Consent], work: Path, processes: int | None) -> Iterator[Crew]:
    """A crew for these chats, of as many processes as are worth it, or of `processes`. At the end all helpers end."""
    sizes = {dialog_id: archive.count(dialog_id) for dialog_id in consents}
    count = processes or min(MOST, os.cpu_count() or 1, max(1, sum(sizes.values()) // ENOUGH))
    own, *others = ({each: consents[each] for each in ids} for ids in divide(sizes, count))
    helpers = list[_Helper]()
    try:
        for number, some in enumerate(others, 1):
            helpers.append(_Helper.start(archive.path, some, work, number))
        yield Crew(Share(archive, own, work, 0), helpers)
    finally:
        for helper in helpers:
            helper.end()


@dataclass(frozen=True, slots=True)
class _Helper:
    process: SpawnProcess
    pipe: "Connection[Any, Any]"

    @classmethod
    def start(cls, archive: Path, consents: dict[int, Consent], work: Path, number: int) -> "_Helper":
        context = multiprocessing.get_context("spawn")
        near, far = context.Pipe()
        process = context.Process(target=_help, args=(far, archive, consents, work, number), daemon=True)
        process.start()
        far.close()
        return cls(process, near)

    def tell(self, plan: Plan) -> None:
        """What all have counted. Raises UserError where it is gone."""
        try:
            self.pipe.send(plan)
        except OSError as error:
            raise _lost() from error

    def answer(self) -> Any:
        """What it has come to. Raises UserError where it failed."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise _lost() from error
        if isinstance(answer, Failure):
            raise UserError(answer.message, answer.hint, answer.code)
        return answer

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def _lost() -> UserError:
    return UserError(
        "A process that helped to make the dataset ended early.", "Is there enough memory? Run: doppelgram build"
    )


def _help(pipe: "Connection[Any, Any]", path: Path, consents: dict[int, Consent], work: Path, number: int) -> None:
    """What a helper does: count, wait for what all have counted, write."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with closing(Archive(path)) as archive, uncollected():
            share = Share(archive, consents, work, number)
            pipe.send(share.count())
            pipe.send(share.write(pipe.recv(), _go_on))
    except UserError as error:
        pipe.send(Failure(error.message, error.hint, error.code))
    except (EOFError, BrokenPipeError):  # nobody waits for it any more
        return


def _go_on(share: float) -> None:
    """Not where nobody waits for it any more."""
    parent = multiprocessing.parent_process()
    if parent and not parent.is_alive():
        raise BrokenPipeError
