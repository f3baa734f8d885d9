"""A live client in a process of its own that kills itself at a named point: what `bench.live.kills` starts. Settings
come from the environment.

python -m bench.live.victim POINT [SEED]
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from typing import Any

from bench.live.house import GUARD
from bench.live.recording import Recording, recorded_adapter, sure
from bot import account
from bot.desk import Desk
from bot.respond import Responder
from bot.run import run
from data.samples import Shape


class Fate:
    """When it ends: `statement:N:WORDS` before the Nth statement that holds these words, `commit:N:WORDS` before the
    commit after it, `committed:N:WORDS` before whatever comes after that; `event:N:NAME` as the event is told of."""

    def __init__(self, point: str) -> None:
        self._kind, left, self._words = (*point.split(":", 2), "", "")[:3]
        self._left = int(left or 0)
        self._armed = False
        self._stores: list[sqlite3.Connection] = []
        if self._kind in ("statement", "commit", "committed"):
            sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle" and isinstance(arguments[0], sqlite3.Connection):
            self._stores.append(arguments[0])  # not yet ready to be listened to

    def _statement(self, statement: str) -> None:
        if self._kind == "next":
            die()
        if self._armed and statement == "COMMIT":
            if self._kind == "commit":
                die()
            self._kind = "next"
        if self._words and self._words in statement and not self._armed:
            self._left -= 1
            self._armed = self._left == 0
            if self._armed and self._kind == "statement":
                die()

    def emit(self, event: str, **fields: object) -> None:
        """Tell of an event, and perhaps die of it."""
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()
        if event == "watching":
            for store in self._stores:
                store.set_trace_callback(self._statement)
        if self._kind == "event" and event == self._words:
            self._left -= 1
            if self._left == 0:
                die()


def die() -> None:
    """As with kill -9: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(point: str, seed: int) -> None:
    """Run until the point is reached."""
    fate = Fate(point)
    with Desk.open() as desk, desk.home.holding_login("run"):
        recording = Recording(said=dict.fromkeys(map(str, range(1000 * seed)), 0))  # other words than the last one's
        responder = Responder(desk.archive, recording, sure, GUARD, Shape(), desk.home.key(), candidates=1)
        login = account.login_of(desk.settings, desk.home.session)
        await run(desk.home, desk.settings, login, responder, recorded_adapter(), fate.emit, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
