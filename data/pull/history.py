"""One chat's history -> archive, page by page from the newest message down, resumable after any page.

The cursor of a dialog is saved in the same transaction as the page, so an interruption costs at most one page. A
dialog that was pulled before is read from the top again for one page: that page brings what is new, and shows recent
edits and deletions, in the one request that is needed anyway.

Only what the chat's consent allows is kept, and that is asked again in the transaction of each page: a consent that
another process took back or changed while the page was on its way ends the pull of that chat.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from telethon import TelegramClient

from data.archive import Archive, Cursor
from data.consent import Consent, Ledger, demand_keepable
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from data.pull import page as pages
from data.pull.pace import Pace
from data.pull.page import PAGE, Page
from data.pull.question import Asker, Pulled, Watcher
from data.telegram import Withheld

RECHECKED = 1_000
"""So many of the newest messages are read again where changes were missed."""


@dataclass(slots=True)
class Puller:
    """Pulls dialogs one after the other. The client must be connected and logged in."""

    client: TelegramClient
    archive: Archive
    watcher: Watcher
    pace: Pace
    since: datetime | None = None
    report: Pulled = field(default_factory=Pulled)
    withheld: list[Withheld] = field(default_factory=list)
    """What may not be kept and was seen on the way, for a client that must know that it was written."""
    ask: Asker = field(init=False)
    _consent: Consent | None = field(default=None, init=False)
    """What the dialog that is being pulled was allowed when that began."""

    def __post_init__(self) -> None:
        self.ask = Asker(self.client, self.pace, self.watcher, self.report)

    async def pull(self, dialog: Dialog) -> None:
        """Bring one dialog up to date. Raises UserError (exit 7) without a consent, or when it changes meanwhile."""
        demand_keepable(dialog)
        self._consent = Ledger(self.archive).demand(dialog)
        cursor = self.archive.cursor(dialog.id)
        if cursor.resume_at:
            cursor = await self._descend(dialog, cursor)
        await self._from_the_top(dialog, cursor)
        self.report.chats += 1

    async def go_on(self, dialog: Dialog) -> None:
        """The same where nothing is new, if something older is still missing."""
        self._consent = Ledger(self.archive).demand(dialog)
        await self._descend(dialog, self.archive.cursor(dialog.id))
        self.report.chats += 1

    async def recheck(self, dialog: Dialog) -> None:
        """Read the newest messages again, for edits and deletions that nobody told of."""
        self._consent = Ledger(self.archive).demand(dialog)
        below, read = 0, 0
        while read < RECHECKED:
            page = await self._page(dialog, below)
            with self.archive.transaction():
                self._save(dialog, page)
                self.report.deleted += self._drop_missing(dialog, page, below)
            read += len(page.ids)
            if len(page.ids) < PAGE:
                break
            below = page.ids[-1]
        with self.archive.transaction():
            self.archive.set_cursor(dialog.id, replace(self.archive.cursor(dialog.id), recheck=False))
        self.report.older_edits_not_checked.append(dialog.title)

    async def _from_the_top(self, dialog: Dialog, cursor: Cursor) -> None:
        page = await self._page(dialog, 0)
        if not page.ids:
            return
        top = page.ids[0]
        if cursor.pts is None:
            cursor = replace(cursor, pts=page.pts)
        with self.archive.transaction():
            if cursor.newest:
                self.report.deleted += self._drop_missing(dialog, page, 0)
            if cursor.resume_at and page.ids[-1] <= cursor.newest + 1:
                # New messages joined on to known ones, and below them the gap that `since` left is as it was.
                self._save(dialog, page)
                self.archive.set_cursor(dialog.id, replace(cursor, newest=top, resume_newest=top))
                self.watcher.page(dialog, len(page.messages))
                return
            # A cursor knows one gap only, so with two of them everything down to the lower one is read again.
            cursor = self._keep(dialog, page, cursor, top, cursor.floor if cursor.resume_at else cursor.newest)
        await self._descend(dialog, cursor, page)

    async def _descend(self, dialog: Dialog, cursor: Cursor, page: Page | None = None) -> Cursor:
        """Down to the floor or to `since`, from wherever the cursor stands."""
        while cursor.resume_at and not (self._before_since(page) if page else self._all_wanted(cursor)):
            page = await self._page(dialog, cursor.resume_at)
            with self.archive.transaction():
                cursor = self._keep(dialog, page, cursor, cursor.resume_newest or 0, cursor.floor)
        return cursor

    def _keep(self, dialog: Dialog, page: Page, cursor: Cursor, top: int, floor: int) -> Cursor:
        """Save a page with the cursor that follows from it."""
        self._save(dialog, page)
        # At `since` the rest stays a gap: a later pull without it goes on from there.
        rests = self._before_since(page) and page.wanted_down_to > floor + 1
        if not rests and (len(page.ids) < PAGE or page.ids[-1] <= floor + 1):
            after = Cursor(newest=top, pts=cursor.pts, recheck=cursor.recheck)
        else:
            after = replace(
                cursor,
                newest=top if rests else cursor.newest,
                resume_at=page.wanted_down_to if rests else page.ids[-1],
                resume_newest=top,
                floor=floor,
                gap_since=self.since.timestamp() if rests and self.since else None,
            )
        self.archive.set_cursor(dialog.id, after)
        self.watcher.page(dialog, len(page.messages))
        return after

    def _save(self, dialog: Dialog, page: Page) -> None:
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
        self.report.excluded += page.heard.left_out
        self.withheld += page.heard.withheld
        self.archive.save_people(person for person in page.heard.people if person.kind is not Kind.SELF)
        if page.dialog:
            self.archive.renew(page.dialog)

    def _before_since(self, page: Page) -> bool:
        return self.since is not None and page.oldest < self.since

    def _all_wanted(self, cursor: Cursor) -> bool:
        """Whether the gap holds only what `since` does not want."""
        return self.since is not None and cursor.gap_since is not None and self.since.timestamp() >= cursor.gap_since

    def _drop_missing(self, dialog: Dialog, page: Page, below: int) -> int:
        """Delete what the archive has within the page's range and Telegram no longer shows."""
        lowest = page.ids[-1] if len(page.ids) == PAGE else 1
        return self.archive.delete(dialog.id, self.archive.ids(dialog.id, lowest, below) - set(page.ids))

    async def _page(self, dialog: Dialog, offset_id: int) -> Page:
        peer = await self.client.get_input_entity(dialog.id)
        return await pages.read(self.ask, dialog.id, peer, offset_id, self.since)
