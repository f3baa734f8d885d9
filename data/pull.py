"""History -> archive, page by page from the newest message down, resumable after any page.

The cursor of a dialog is saved in the same transaction as the page, so an interruption costs at most one page. A
dialog that was pulled before is read from the top again for one page: that page brings what is new, and shows recent
edits and deletions, in the one request that is needed anyway.

Only what the chat's consent allows is kept, and that is asked again in the transaction of each page: a consent that
another process took back or changed while the page was on its way ends the pull of that chat.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from telethon import TelegramClient, errors
from telethon.tl import functions

from data.archive import Archive, Cursor, Saved
from data.consent import Consent, Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Message
from data.telegram import readable_errors, to_message

PAGE = 100
"""Telegram's own limit for one request."""
PATIENCE = timedelta(minutes=15)
"""A longer FLOOD_WAIT ends the pull with a sentence instead of a silent hour."""


class Watcher(Protocol):
    """Whoever shows how the pull goes on."""

    def page(self, dialog: Dialog, messages: int) -> None:
        """A page was saved; `messages` of this dialog are here now from this pull."""

    def waiting(self, seconds: float, until: datetime) -> None:
        """Telegram asked for a pause."""


@dataclass(slots=True)
class Pace:
    """At most `per_second` requests a second, and Telegram's own pauses. Clock and sleep come in as arguments."""

    per_second: float = 4.0
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _next: float = 0.0

    async def turn(self) -> None:
        """Return when the next request may go out."""
        now = self.now()
        due = max(now, self._next)
        self._next = due + 1 / self.per_second
        if due > now:
            await self.sleep(due - now)


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

    def add(self, saved: Saved) -> None:
        """Count what one page changed."""
        self.new += saved.new
        self.edited += saved.edited


@dataclass(slots=True)
class Puller:
    """Pulls dialogs one after the other. The client must be connected and logged in."""

    client: TelegramClient
    archive: Archive
    watcher: Watcher
    pace: Pace
    since: datetime | None = None
    report: Pulled = field(default_factory=Pulled)
    _consent: Consent | None = field(default=None, init=False)
    """What the dialog that is being pulled was allowed when that began."""

    async def pull(self, dialog: Dialog) -> None:
        """Bring one dialog up to date. Raises UserError (exit 7) without a consent, or when it changes meanwhile."""
        if not dialog.with_a_person:
            raise UserError(f"{dialog.title} is a {dialog.kind}, not a person.", "Only private chats are pulled.")
        self._consent = Ledger(self.archive).demand(dialog)
        cursor = self.archive.cursor(dialog.id)
        if cursor.resume_at:
            cursor = await self._descend(dialog, cursor)
        await self._from_the_top(dialog, cursor)
        self.report.chats += 1

    async def _from_the_top(self, dialog: Dialog, cursor: Cursor) -> None:
        page = await self._page(dialog, 0)
        if not page.ids:
            return
        top = page.ids[0]
        with self.archive.transaction():
            if cursor.newest:
                self.report.deleted += self._drop_missing(dialog, page)
            if cursor.resume_at and page.ids[-1] <= cursor.newest + 1:
                # New messages joined on to known ones, and below them the gap that `since` left is as it was.
                self._save(dialog, page)
                self.archive.set_cursor(dialog.id, replace(cursor, newest=top, resume_newest=top))
                self.watcher.page(dialog, len(page.messages))
                return
            # A cursor knows one gap only, so with two of them everything down to the lower one is read again.
            cursor = self._keep(dialog, page, cursor, top, cursor.floor if cursor.resume_at else cursor.newest)
        await self._descend(dialog, cursor, page)

    async def _descend(self, dialog: Dialog, cursor: Cursor, page: "_Page | None" = None) -> Cursor:
        """Down to the floor or to `since`, from wherever the cursor stands."""
        while cursor.resume_at and not (page and self._before_since(page)):
            page = await self._page(dialog, cursor.resume_at)
            with self.archive.transaction():
                cursor = self._keep(dialog, page, cursor, cursor.resume_newest or 0, cursor.floor)
        return cursor

    def _keep(self, dialog: Dialog, page: "_Page", cursor: Cursor, top: int, floor: int) -> Cursor:
        """Save a page with the cursor that follows from it."""
        self._save(dialog, page)
        if len(page.ids) < PAGE or page.ids[-1] <= floor + 1:
            after = Cursor(newest=top)
        else:
            # At `since` the rest stays a gap: a later pull without it goes on from there.
            rests = self._before_since(page)
            after = Cursor(top if rests else cursor.newest, page.wanted_down_to if rests else page.ids[-1], top, floor)
        self.archive.set_cursor(dialog.id, after)
        self.watcher.page(dialog, len(page.messages))
        return after

    def _save(self, dialog: Dialog, page: "_Page") -> None:
        """Save what the consent allows, as it stands in this very transaction."""
        consent = Ledger(self.archive).of(dialog.id)
        if consent is None:
            raise UserError(
                f"The consent for {dialog.title} was taken back meanwhile, so nothing more of it is pulled.",
                "What was pulled before stays until: doppelgram forget CHAT",
                ExitCode.CONSENT,
            )
        if consent != self._consent:
            # The pages above were kept under another scope, and the grant may have moved the cursor.
            raise UserError(
                f"The consent for {dialog.title} was granted anew meanwhile.",
                "Nothing is lost; pull the chat again.",
                ExitCode.CONSENT,
            )
        self.report.add(self.archive.save(consent.allows(page.messages)))

    def _before_since(self, page: "_Page") -> bool:
        return self.since is not None and page.oldest < self.since

    def _drop_missing(self, dialog: Dialog, page: "_Page") -> int:
        """Delete what the archive has within the page's range and Telegram no longer shows."""
        whole = len(page.ids) < PAGE
        here = [m.id for m in self.archive.recent(dialog.id, PAGE + len(page.ids)) if whole or m.id >= page.ids[-1]]
        return self.archive.delete(dialog.id, set(here) - set(page.ids))

    async def _page(self, dialog: Dialog, offset_id: int) -> "_Page":
        peer = await self.client.get_input_entity(dialog.id)
        request = functions.messages.GetHistoryRequest(
            peer=peer, offset_id=offset_id, offset_date=None, add_offset=0, limit=PAGE, max_id=0, min_id=0, hash=0
        )
        while True:
            await self.pace.turn()
            self.report.requests += 1
            try:
                with readable_errors_but_flood():
                    answer = await self.client(request)
                break
            except errors.FloodWaitError as flood:
                await self._wait_out(flood.seconds)
        found = [to_message(dialog.id, each) for each in answer.messages]
        kept = [m for m in found if m and (not self.since or m.sent_at >= self.since)]
        self.report.excluded["service or protected"] += found.count(None)
        ids = tuple(each.id for each in answer.messages)
        dates = {each.id: each.date for each in answer.messages if getattr(each, "date", None)}
        oldest = min(dates.values(), default=datetime.min.replace(tzinfo=UTC))
        wanted = [each for each, date in dates.items() if not self.since or date >= self.since]
        return _Page(ids, kept, oldest, min(wanted, default=max(ids, default=0) + 1))

    async def _wait_out(self, seconds: int) -> None:
        until = datetime.now().astimezone() + timedelta(seconds=seconds)
        if timedelta(seconds=seconds) > PATIENCE:
            raise UserError(
                f"Telegram asks us to wait until {until:%a %H:%M}.",
                "What is pulled is kept; run the same command then.",
                ExitCode.FLOOD,
            )
        self.report.flood_waits += 1
        self.watcher.waiting(seconds, until)
        await self.pace.sleep(seconds + 0.5)


@dataclass(frozen=True, slots=True)
class _Page:
    ids: tuple[int, ...]
    """Every id on the page, newest first, whether kept or not."""
    messages: Sequence[Message]
    oldest: datetime
    wanted_down_to: int
    """The oldest id that `since` lets in."""


class readable_errors_but_flood(readable_errors):
    """A pull deals with FLOOD_WAIT itself."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, errors.FloodWaitError):
            super().__exit__(kind, error, trace)
