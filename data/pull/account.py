"""Many chats at once: what changed in any of them, then the history of those that have more than is here.

An unchanged account costs one difference and its list of chats. Several chats are read at a time, at one pace.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from telethon import errors
from telethon.tl import functions

from data import telegram
from data.archive import Archive
from data.consent import Ledger, Protected, demand_keepable
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from data.pull.changes import Changes
from data.pull.history import Puller
from data.pull.pace import Pace
from data.pull.question import Asker, Pulled, Watcher
from data.telegram import Client, Listed

IN_FLIGHT = 4
"""Chats that are read at a time."""
CLOSED = (errors.ChannelPrivateError, errors.ChannelInvalidError, errors.PeerIdInvalidError, errors.ForbiddenError)
"""What Telegram says of one chat that can no longer be read; the others can."""
_FAREWELL = 5.0
"""Seconds within which a failed export must be ended, or it is left to Telegram."""


class Audience(Watcher, Protocol):
    """Whoever shows how a pull of many chats goes on."""

    def done(self, dialog: Dialog) -> None:
        """A chat is up to date."""

    def note(self, words: str) -> None:
        """Something that has to be said."""


def unlisted(dialog: Dialog) -> UserError:
    """What there is to say of a chat that came with an export and is not among the owner's chats any more."""
    return UserError(
        f"{dialog.title} is not among your chats on Telegram.", "What was imported of it stays; more cannot be had."
    )


@dataclass(slots=True)
class Account:
    """The owner's chats on Telegram. The client must be connected and logged in; call `look` first."""

    client: Client
    archive: Archive
    audience: Audience
    pace: Pace
    since: datetime | None = None
    report: Pulled = field(default_factory=Pulled)
    ask: Asker = field(init=False)
    _listed: dict[int, Listed] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.ask = Asker(self.client, self.pace, self.audience, self.report)

    async def look(self) -> None:
        """Read the list of chats, and remember it. Raises UserError."""
        self._listed = {each.dialog.id: each for each in await telegram.listing(self.ask)}
        self.archive.save_dialogs(each.dialog for each in self._listed.values())

    async def folder(self, name: str) -> list[Dialog]:
        """The chats in a folder of this name. Raises UserError when there is none."""
        rows = await telegram.folders(self.ask)
        row = next((row for title, row in rows.items() if title.casefold() == name.casefold()), None)
        if row is None:
            there = f"There {'is' if len(rows) == 1 else 'are'}: {', '.join(rows)}."
            raise UserError(
                f"There is no folder called {name} in your Telegram.",
                there if rows else "You have none there; name the chats themselves, or give --all.",
            )
        return telegram.within(row, self._listed.values(), datetime.now(UTC))

    def allowed(self, dialogs: Iterable[Dialog]) -> list[Dialog]:
        """Those of these chats that may be pulled; the others are counted, with the reason."""
        active, allowed = Ledger(self.archive).active(), []
        for dialog in dialogs:
            if not replace(dialog, protected=False).may_be_kept:
                self.report.excluded[f"{dialog.kind} chats"] += 1
            elif dialog.id < 0 and dialog.protected:
                self.report.excluded["protected chats"] += 1
            elif dialog.id not in active:
                self.report.skipped_without_consent += 1
            else:
                allowed.append(dialog)
        return allowed

    async def bring(self, named: Iterable[Dialog], others: Iterable[Dialog] = ()) -> None:
        """Bring these chats up to date. Raises UserError; one that is protected or closed, or has lost its consent,
        holds up no other: it is counted, and if it was named, its error is raised once the others are done."""
        await Changes(self.archive, self.ask).of_account()
        refused: list[UserError] = []
        waiting = deque([*((dialog, True) for dialog in named), *((dialog, False) for dialog in others)])

        async def work() -> None:
            while waiting:
                dialog, by_name = waiting.popleft()
                if (error := await self._one(dialog)) and by_name:
                    refused.append(error)
                elif error and not isinstance(error, Protected):
                    self.audience.note(error.message)
                self.audience.done(dialog)

        await _together(min(IN_FLIGHT, len(waiting)), work)
        if refused:
            raise refused[0]

    async def _one(self, dialog: Dialog) -> UserError | None:
        """Bring one chat up to date, or count why that may not be and return it. Raises what concerns all chats."""
        if not self.client.knows(dialog.id):
            self.report.excluded["chats that Telegram does not list"] += 1
            return unlisted(dialog)
        try:
            if await self._protected(dialog):
                demand_keepable(replace(dialog, protected=True))
            await self._up_to_date(dialog)
        except Protected as error:
            self.report.excluded["protected chats"] += 1
            return error
        except UserError as error:
            if isinstance(error.__cause__, CLOSED):
                self.report.excluded["chats closed to you"] += 1
                return UserError(f"{dialog.title} can no longer be read.", "Were you removed, or was it deleted?")
            if error.code is not ExitCode.CONSENT:
                raise
            self.report.skipped_without_consent += 1
            return error
        return None

    async def _protected(self, dialog: Dialog) -> bool:
        """Whether this chat forbids saving its content. Of a private chat only its full profile tells."""
        unknown = self.archive.cursor(dialog.id).untouched or dialog.protected
        if dialog.kind is not Kind.PRIVATE or not unknown:
            return dialog.protected
        peer = await self.client.get_input_entity(dialog.id)
        answer = (await self.ask(functions.users.GetFullUserRequest(peer))).full_user
        protected = bool(answer.noforwards_my_enabled or answer.noforwards_peer_enabled)
        self.archive.set_protected(dialog.id, protected)
        return protected

    async def _up_to_date(self, dialog: Dialog) -> None:
        dialog = replace(dialog, protected=False)
        listed = self._listed.get(dialog.id)
        puller = Puller(self.client, self.archive, self.audience, self.pace, self.since, self.report)
        puller.ask = self.ask
        cursor = self.archive.cursor(dialog.id)
        if listed and listed.pts and cursor.pts and listed.pts != cursor.pts:
            await Changes(self.archive, self.ask).of_supergroup(dialog, listed.entity)
            cursor = self.archive.cursor(dialog.id)
        if cursor.untouched or listed is None or listed.newest > cursor.top:
            await puller.pull(dialog)
        else:
            await puller.go_on(dialog)
        if cursor.recheck and not cursor.untouched:
            await puller.recheck(dialog)

    @asynccontextmanager
    async def takeout(self) -> AsyncIterator[None]:
        """Inside, history is read as an export, which Telegram slows down less; or as usual where it grants none."""
        flags = {"message_users": True, "message_chats": True, "message_megagroups": True}
        try:
            granted = await self.client(functions.account.InitTakeoutSessionRequest(**flags))
        except errors.TakeoutInitDelayError as error:
            self.audience.note(
                f"Telegram grants an export only in {error.seconds // 3600 + 1} h, or once you allow it in the message"
                " it sent you. The pull goes on without."
            )
            yield
            return
        except errors.RPCError as error:
            self.audience.note(f"Telegram grants no export ({type(error).__name__}). The pull goes on without.")
            yield
            return
        self.ask.takeout = granted.id
        try:
            yield
        except BaseException:  # Ctrl-C too: else Telegram holds the export open. Why it failed matters more than this
            with suppress(errors.RPCError, OSError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._finish(granted.id, success=False)
            raise
        with telegram.readable_errors():
            await self._finish(granted.id, success=True)

    async def _finish(self, takeout: int, *, success: bool) -> None:
        finish = functions.account.FinishTakeoutSessionRequest(success=success)
        await self.client(functions.InvokeWithTakeoutRequest(takeout, finish))


async def _together(count: int, work: Callable[[], Awaitable[None]]) -> None:
    """Run so many of them; the first that fails ends the others."""
    running = [asyncio.ensure_future(work()) for _ in range(count)]
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
