"""One request to Telegram, asked until there is an answer: at its turn, counted, and again after a FLOOD_WAIT."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from telethon import TelegramClient, errors
from telethon.tl import functions

from data.archive import Saved
from data.errors import ExitCode, UserError
from data.message import Dialog
from data.pull.pace import Pace
from data.telegram import readable_errors

PATIENCE = timedelta(minutes=15)
"""A longer FLOOD_WAIT ends the pull with a sentence instead of a silent hour."""


class Watcher(Protocol):
    """Whoever shows how the pull goes on."""

    def page(self, dialog: Dialog, messages: int) -> None:
        """A page with so many messages of this dialog was saved."""

    def waiting(self, seconds: float, until: datetime) -> None:
        """Telegram asked for a pause."""


@dataclass(slots=True)
class Pulled:
    """What one pull did."""

    chats: int = 0
    new: int = 0
    edited: int = 0
    deleted: int = 0
    skipped_without_consent: int = 0
    requests: int = 0
    flood_waits: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    """What is never kept, by reason."""
    older_edits_not_checked: list[str] = field(default_factory=list)
    """Titles of the chats of which too much was missed: only their newest messages were read again."""

    def add(self, saved: Saved) -> None:
        """Count what one page changed."""
        self.new += saved.new
        self.edited += saved.edited


@dataclass(slots=True)
class Asker:
    """Asks on behalf of one pull."""

    client: TelegramClient
    pace: Pace
    watcher: Watcher
    report: Pulled
    takeout: int | None = None
    """The export that requests for history belong to, where Telegram has granted one."""

    async def __call__(self, request: Any) -> Any:
        """The answer. Raises UserError: exit 4 when the login has ended, 6 when the wait is too long."""
        method = type(request).__name__
        if self.takeout is not None and isinstance(request, functions.messages.GetHistoryRequest):
            request = functions.InvokeWithTakeoutRequest(self.takeout, request)
        while True:
            await self.pace.turn(method)
            self.report.requests += 1
            try:
                with _readable_errors_but_flood():
                    answer = await self.client(request)
            except (errors.FloodWaitError, errors.FloodPremiumWaitError) as flood:
                self._wait(flood.seconds, method)
            else:
                self.pace.answered(method)
                return answer

    def _wait(self, seconds: int, method: str) -> None:
        """The pace lets nothing pass until it is over."""
        until = datetime.now().astimezone() + timedelta(seconds=seconds)
        if timedelta(seconds=seconds) > PATIENCE:
            raise UserError(
                f"Telegram asks us to wait until {until:%a %d %b %H:%M}.",
                "What is pulled is kept; run the same command then.",
                ExitCode.FLOOD,
            )
        if self.pace.refused(seconds, method):
            self.report.flood_waits += 1
            self.watcher.waiting(seconds, until)


class _readable_errors_but_flood(readable_errors):
    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, errors.FloodWaitError | errors.FloodPremiumWaitError):
            super().__exit__(kind, error, trace)
