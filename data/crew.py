"""The processes that make a dataset together: this one and helpers, of which each takes one chat after the other."""

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from data.archive import Archive
from data.census import Census
from data.consent import Consent
from data.errors import ExitCode, UserError
from data.helper import GoneError, Helper
from data.share import Plan, Share, Written, marks_in
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
    helpers: list[Helper]

    def count(self) -> Census:
        """What must be known of all chats before one is cut."""
        counted = self.share.count()
        for helper in self.helpers:
            counted.add(_answer(helper))
        return counted

    def write(self, plan: Plan, progress: Callable[[float], None]) -> Written:
        """Write the turns of all chats, a file a share. `progress` is told how far the own one is, for all come to
        about as much."""
        for helper in self.helpers:
            _tell(helper, plan)
        written = self.share.write(plan, progress)
        for helper in self.helpers:
            written.add(_answer(helper))
        return written


@contextmanager
def at_work(archive: Archive, consents: dict[int, Consent], work: Path, processes: int | None) -> Iterator[Crew]:
    """A crew for these chats, of as many processes as are worth it, or of `processes`. At the end all helpers end."""
    sizes = {dialog_id: archive.count(dialog_id) for dialog_id in consents}
    count = processes or min(MOST, os.cpu_count() or 1, max(1, sum(sizes.values()) // ENOUGH))
    largest_first = {each: consents[each] for each in sorted(sizes, key=lambda each: (-sizes[each], each))}
    shared = largest_first, sum(sizes.values()) // count, work
    marks_in(work).mkdir(mode=0o700)
    helpers = list[Helper]()
    try:
        for number in range(1, count):
            helpers.append(Helper.start(_help, archive.path, *shared, number))
        yield Crew(Share(archive, *shared, 0), helpers)
    finally:
        for helper in helpers:
            helper.end()
        shutil.rmtree(marks_in(work), ignore_errors=True)


def _tell(helper: Helper, plan: Plan) -> None:
    """What all have counted. Raises UserError where it is gone."""
    try:
        helper.tell(plan)
    except GoneError as error:
        raise _lost() from error


def _answer(helper: Helper) -> Any:
    """What it has come to. Raises UserError where it failed."""
    try:
        answer = helper.answer()
    except GoneError as error:
        raise _lost() from error
    if isinstance(answer, Failure):
        raise UserError(answer.message, answer.hint, answer.code)
    return answer


def _lost() -> UserError:
    return UserError(
        "A process that helped to make the dataset ended early.", "Is there enough memory? Run: doppelgram build"
    )


def _help(
    pipe: "Connection[Any, Any]", path: Path, consents: dict[int, Consent], messages: int, work: Path, number: int
) -> None:
    """What a helper does: count, wait for what all have counted, write."""
    try:
        with closing(Archive(path)) as archive, uncollected():
            share = Share(archive, consents, messages, work, number)
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
