"""Questions to the person: at a terminal a prompt, elsewhere one line of standard input for each.

A missing line is an error, never a silent wait: a script must not hang on a question that nobody sees. Reading happens
in a thread that may be left behind, so that Ctrl-C works while a question is open.
"""

import asyncio
import contextlib
import itertools
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator

from bot import show
from data.errors import ExitCode, UserError

LOOK = 0.5
"""Seconds between two looks at what a question depends on."""


def at_terminal() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def line(question: str, flag: str, *, hidden: bool = False) -> str:
    """One answer. `flag` says in the error message where it could have come from instead."""
    if at_terminal():
        show.err().print(f"{question}: ", end="")
    with _silent() if hidden and at_terminal() else contextlib.nullcontext():
        answer = sys.stdin.readline()
    if hidden and at_terminal():
        show.say("")
    return _given(answer, question, flag)


def _given(answer: str, question: str, flag: str) -> str:
    if not answer:
        raise UserError(f"{question}: no answer on standard input.", f"Give it {flag}.", ExitCode.USAGE)
    return answer.strip()


def drop_typed() -> None:
    """At a terminal: what was typed before now answers nothing that is asked from now on."""
    termios.tcflush(sys.stdin, termios.TCIFLUSH)


def line_while(holds: Callable[[], bool], question: str, flag: str) -> str | None:
    """One answer at a terminal; None as soon as this no longer holds, and with it the question."""
    show.err().print(f"{question}: ", end="")
    while not select.select([sys.stdin], [], [], LOOK)[0]:  # a terminal hands over whole lines
        if not holds():
            show.say("")
            return None
    return _given(sys.stdin.readline(), question, flag)


def lines(question: str, flag: str) -> Iterator[str]:
    """One answer after another: at a terminal until an empty one, elsewhere each line that is not empty, to the end."""
    if at_terminal():
        yield from iter(lambda: line(question, flag), "")
        return
    given = itertools.chain((line(question, flag),), sys.stdin)  # no line at all is an error, as for one answer
    yield from (answer for each in given if (answer := each.strip()))


async def line_async(question: str, flag: str, *, hidden: bool = False) -> str:
    """`line`, while the connection stays alive."""
    loop, read = asyncio.get_running_loop(), asyncio.Event()
    # Beside the loop, not through it: in debug mode asyncio logs what it is given, and an answer may be a password.
    answer: list[str | Exception] = []

    def reading() -> None:
        try:
            answer.append(line(question, flag, hidden=hidden))
        except Exception as error:
            answer.append(error)
        with contextlib.suppress(RuntimeError):  # the loop is gone: the person pressed Ctrl-C
            loop.call_soon_threadsafe(read.set)

    with _restored():
        threading.Thread(target=reading, daemon=True).start()
        await read.wait()
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def confirmed(question: str, word: str) -> bool:
    """Whether the person types this word. False without a terminal: then a flag must say it."""
    return at_terminal() and line(f"{question} Type {word} to go on", "--yes").casefold() == word.casefold()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What is typed does not show."""
    with _restored():
        mode = termios.tcgetattr(sys.stdin)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)
        yield


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """However this ends, the terminal is as it was."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
