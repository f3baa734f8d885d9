"""A live client in a process of its own that kills itself at a named point: what `bench.live.kills` starts. Settings
come from the environment.

python -m bench.live.victim POINT SEED
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.live.house import GUARD
from bench.live.recording import Recording, recorded_adapter, sure, words
from bot import connection
from bot.desk import Desk
from bot.respond import Responder
from bot.run import run
from data.samples import Shape

REACHED = b"reached"
"""Its last word."""


class Fate:
    """When it ends: `statement:N:WORDS` before the Nth statement that holds these words, `commit:N:WORDS` before the
    commit after it, `committed:N:WORDS` before whatever comes after that; `event:N:NAME` as the event is told of. It
    counts from SIGUSR1 on, or from the start with `:at once` at the end."""

    def __init__(self, point: str) -> None:
        self._kind, left, self._words, *at_once = point.split(":")
        self._left = int(left)
        self._at_once = bool(at_once)
        self._armed = False
        self._met = False
        self._stores: list[sqlite3.Connection] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle" and isinstance(arguments[0], sqlite3.Connection):
            self._stores.append(arguments[0])  # not yet ready to be listened to

    def arm(self) -> None:
        """Count from now on."""
        self._armed = True
        for store in self._stores if self._kind != "event" else []:
            store.set_trace_callback(self._statement)
        self.emit("armed")

    def _statement(self, statement: str) -> None:
        if self._kind == "next":
            die()
        if self._met and statement == "COMMIT":
            if self._kind == "commit":
                die()
            self._kind = "next"
        if self._words in statement and not self._met:
            self._left -= 1
            self._met = self._left == 0
            if self._met and self._kind == "statement":
                die()

    def emit(self, event: str, **fields: object) -> None:
        """Tell of an event, and perhaps die of it."""
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()
        if event == "started" and self._at_once:
            self.arm()
        if self._armed and self._kind == "event" and event == self._words:
            self._left -= 1
            if self._left == 0:
                die()


def die() -> None:
    """As with kill -9: nothing is tidied up."""
    os.write(1, REACHED)
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class Signed(Recording):
    """Says nothing that an earlier one said, and each text tells for which chat it was made."""

    seed: int = 0

    def fresh(self, dialog: int) -> str:
        """A text for this chat alone."""
        text = f"{words(1000 * self.seed + len(self.said))} {words(dialog)}"
        self.said[text] = dialog
        return text


def made_for(text: str, chats: Iterable[int]) -> int:
    """The chat that a text tells of; 0 for none of these."""
    return next((chat for chat in chats if text.endswith(f" {words(chat)}")), 0)


async def main(point: str, seed: int) -> None:
    """Run until the point is reached."""
    fate = Fate(point)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, fate.arm)
    with Desk.open() as desk, desk.home.holding_login("run"):
        responder = Responder(desk.archive, Signed(seed=seed), sure, GUARD, Shape(), desk.home.key(), candidates=1)
        login = connection.login_of(desk.settings, desk.home.session)
        await run(desk.home, desk.settings, login, responder, recorded_adapter(), fate.emit, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
