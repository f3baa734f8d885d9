"""What the terminal shows. Standard output is data, standard error is talk; nothing else in the project prints.

Titles and messages come from strangers, so whatever could steer a terminal is taken out of them first.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.errors import UserError


def plain(text: str) -> str:
    """The text without control characters and direction overrides; a line break becomes a return sign."""
    return "".join(
        "⏎" if char == "\n" else char
        for char in text
        if char == "\n" or (unicodedata.category(char) not in ("Cc", "Cs") and char not in "\u202a\u202b\u202d\u202e")
    )


def err() -> Console:
    """The console of talk, progress and questions."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def count(n: int, noun: str) -> str:
    """`1 chat`, `2 chats`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def left_out(reasons: Mapping[str, int]) -> None:
    """What was never kept, chats first. A reason that does not name chats is one of messages."""
    for reason, n in sorted(reasons.items(), key=lambda each: ("chats" not in each[0], each[0])):
        chats = reason.replace("chats", "chat") if n == 1 else reason
        say(f"  left out: {n} {chats}" if "chats" in reason else f"  left out: {count(n, 'message')}, {reason}")


def skipped(chats: int) -> str:
    """The end of a sentence on what a verb did."""
    return f" Skipped without a consent: {count(chats, 'chat')}." if chats else ""


def say(text: str, style: str = "", indent: int = 0) -> None:
    """A sentence for a person. With an indent it is also wrapped at the terminal's width."""
    if indent:
        _wrapped(" " * indent, Text(text, style=style))
    else:
        err().print(Text(text, style=style))


def spoken(who: str, text: str, style: str = "") -> None:
    """A message of a chat for a person: who says it in a column of its own, what is said wrapped beside it."""
    _wrapped(f"{who:>9}  ", Text(plain(text), style=style))


def _wrapped(before: str, text: Text) -> None:
    console = err()
    for number, row in enumerate(text.wrap(console, max(20, console.width - len(before)))):
        row.rstrip()
        console.print(Text(before if number == 0 else " " * len(before)) + row)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """A sign of life at a terminal while something else works silently; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    with err().status(Text(text)):
        yield


def line(text: str) -> None:
    """A line of data for a person."""
    Console(highlight=False, markup=False, soft_wrap=True).print(Text(text))


def page(lines: Callable[[bool], Iterable[Text]]) -> None:
    """Lines of data for a person; `lines` is told whether colours will be seen."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for each in lines(console.color_system is not None and not console.no_color):
        console.print(each)


def data(value: Any) -> None:
    """One JSON value on standard output, on one line, written at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_as_text) + "\n")
    sys.stdout.flush()


def _as_text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


SHORT = 8
"""Characters of a word that a table does not break."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], zone: tzinfo = UTC, aside: Collection[str] = ()
) -> None:
    """Rows of data: a table on a terminal, else one line a row with tabs between, so that `cut` can read it.

    On a terminal numbers, moments and short words are never broken; a column that says nothing is left out, and so are
    those `aside`.
    """
    rows = list(rows)
    cells = [[_cell(cell, zone) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            sys.stdout.write("\t".join(cell.replace("\t", " ") for cell in row) + "\n")
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    there = [place for place, column in enumerate(columns) if column not in aside]
    telling = [place for place in there if not cells or any(row[place] for row in cells)]
    for place in telling:
        short = all(isinstance(row[place], int | datetime | None) or len(str(row[place])) <= SHORT for row in rows)
        shown.add_column(columns[place], overflow="fold", no_wrap=short)
    for row in cells:
        shown.add_row(*(Text(row[place]) for place in telling))
    Console(highlight=False).print(shown)


def _cell(value: object, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    return "" if value is None else plain(str(value))


def failure(error: UserError, as_json: bool) -> None:
    """One sentence and one hint."""
    say(plain(error.message), "bold red")
    say(f"  {plain(error.hint)}")
    if as_json:
        data({"error": error.message, "hint": error.hint})
