"""What needs the owner's login, done by whoever holds it: by the verb itself, or by `run` while that is running.

verb -> done() -> nobody holds the login: connect, work
               -> `run` holds it: leave an errand; its Clerk works with the connection that is there
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from bot import asking, connection, disk, pulling
from bot.desk import Desk
from bot.errands import Errand, Errands, ended
from bot.progress import Shown, bar, silent
from data.errors import UserError
from data.telegram import Client, readable_errors

ANSWER_WITHIN = 5.0
"""Seconds in which a running client has to begin."""
LOOK = 0.05
"""Seconds between two looks at the row."""
Work = Callable[[Desk, Client, Mapping[str, Any], Shown], Awaitable[dict[str, Any]]]

LOGOUT, LONG = "logout", "pull"
WORK: Mapping[str, Work] = {
    "pull": pulling.pull,
    "chats --refresh": connection.refreshed,
    "consent ask": asking.ask,
}
"""By the words of the verb. `logout` is not here: it ends the connection that the others use."""


def done(desk: Desk, verb: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Do it, here or in the client that is running, and return what the verb reports. Raises UserError."""
    if desk.home.holder() == "doppelgram run":
        return _hand_over(desk, verb, arguments or {})
    with desk.home.holding_login(verb):
        return asyncio.run(connection.end(desk) if verb == LOGOUT else _work(desk, verb, arguments or {}))


async def _work(desk: Desk, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    async with connection.logged_in(desk) as (client, _):
        with bar(verb) if verb == LONG else nullcontext(silent()) as shown:
            return await WORK[verb](desk, client, arguments, shown)


def _hand_over(desk: Desk, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    errands = Errands(desk.live)
    number = errands.ask(verb, arguments)
    try:
        return _wait(desk, errands, number)
    finally:
        errands.withdraw(number)  # after Ctrl-C too: then the client stops working on it


def _wait(desk: Desk, errands: Errands, number: int) -> dict[str, Any]:
    asked_at = time.monotonic()
    while (answer := errands.result(number)) is None:
        time.sleep(LOOK)
        if time.monotonic() - asked_at > ANSWER_WITHIN and errands.withdraw(number, "asked"):
            raise UserError(
                "`doppelgram run` is using this login and does not answer.", "Stop it first (Ctrl-C there)."
            )
        if not desk.home.is_held() and errands.result(number) is None:
            raise ended()
    return answer


@dataclass(slots=True)
class Clerk:
    """Does in `run` what other processes ask for, one errand after another."""

    desk: Desk
    client: Client
    stop: asyncio.Event
    _leaving: Errand | None = field(default=None, init=False)

    @property
    def errands(self) -> Errands:
        """The rows."""
        return Errands(self.desk.live)

    async def step(self) -> None:
        """One look at the rows; work on what is there."""
        errand = None if self._leaving else self.errands.take()
        if errand is None:
            return
        if errand.verb == LOGOUT:
            self._leaving = errand
            self.stop.set()
            return
        working = asyncio.ensure_future(self._do(errand))
        try:
            while not working.done() and self.errands.wanted(errand):
                await asyncio.wait([working], timeout=LOOK)
        finally:
            working.cancel()
            await asyncio.wait([working])
        if not working.cancelled():
            working.result()

    async def _do(self, errand: Errand) -> None:
        try:
            with readable_errors():
                answer = await WORK[errand.verb](self.desk, self.client, errand.arguments, silent())
        except UserError as error:
            self.errands.failed(errand, error)
        except (OSError, sqlite3.Error) as error:
            told = disk.explain(error)
            if told is None:
                raise
            self.errands.failed(errand, told)
        else:
            self.errands.done(errand, answer)

    async def leave(self) -> None:
        """End the login if that was asked for. Comes last: nothing else may use the connection any more."""
        if self._leaving:
            await connection.leave(self.desk, self.client)
            self.errands.done(self._leaving, {})
