"""How far a long verb is: a bar on standard error at a terminal, elsewhere a line now and then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bot import show
from data.message import Dialog

EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


@dataclass(slots=True)
class Bar:
    """One bar: a share of the whole, and words beside it."""

    name: str
    _bar: Progress
    _task: TaskID
    hidden: bool = False
    _said_at: float = field(default_factory=time.monotonic)

    def at(self, share: float, words: str) -> None:
        """Show this share, 0..1, and these words. A smaller share than before begins anew: another part of the work,
        with a time of its own."""
        if min(1.0, share) < self._bar.tasks[self._task].completed:
            self._bar.reset(self._task, words="")
        self._bar.update(self._task, completed=min(1.0, share), words=show.plain(words))
        now = time.monotonic()
        if self._bar.disable and not self.hidden and now - self._said_at >= EVERY:
            self._said_at = now
            show.say(f"{self.name}: {share:.0%}, {show.plain(words)}")

    def note(self, words: str) -> None:
        """A line that stays."""
        self._bar.console.print(show.plain(words), markup=False)


@contextmanager
def bar(name: str, hidden: bool = False) -> Iterator[Bar]:
    """A bar that is there while the work goes on; hidden where another process shows the same work."""
    console = show.err()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as shown:
        yield Bar(name, shown, shown.add_task(name, total=1.0, words=""), hidden)


class Shown(Protocol):
    """Wherever it is shown how far a long work is."""

    def at(self, share: float, words: str) -> None:
        """Show this share, 0..1, and these words."""

    def note(self, words: str) -> None:
        """A line that stays."""


class _Silence:
    def at(self, share: float, words: str) -> None:
        """Nothing to show."""

    def note(self, words: str) -> None:
        """Nothing to show."""


def silent() -> Shown:
    """Nowhere: nobody watches."""
    return _Silence()


@dataclass(slots=True)
class PullWatcher:
    """`data.pull.Audience` on a bar: how many chats are done, and the messages seen so far."""

    bar: Shown
    chats: int = 0
    _done: int = 0
    _messages: int = 0

    def page(self, dialog: Dialog, messages: int) -> None:
        """A page was saved."""
        self._messages += messages
        self._show(dialog)

    def done(self, dialog: Dialog) -> None:
        """A chat is up to date."""
        self._done += 1
        self._show(dialog)

    def note(self, words: str) -> None:
        """Something that has to be said."""
        self.bar.note(words)

    def waiting(self, seconds: float, until: datetime) -> None:
        """Telegram asked for a pause."""
        self.bar.note(f"Telegram asks for a pause of {seconds:.0f} s, until {until:%H:%M:%S}. Nothing is lost.")

    def _show(self, dialog: Dialog) -> None:
        words = f"{self._done}/{self.chats} chats, {self._messages} messages, {dialog.title}"
        self.bar.at(self._done / max(1, self.chats), words)
