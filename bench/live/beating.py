"""A live client with the model of the settings, and beside it a heart that beats in the same event loop: what
`bench.live.steady` starts. As each reply is written it tells by how much a beat came late meanwhile, and before.

python -m bench.live.beating
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field

from bot import connection, speaker
from bot.desk import Desk
from bot.run import run
from bot.writing import Writing

BEAT = 0.01
WRITTEN = ("offered", "held", "dropped")


@dataclass
class Heart:
    """How late the latest beat came, in milliseconds: at rest, and while a reply was written."""

    writing: Writing = field(default_factory=Writing)
    at_rest: float = 0.0
    at_work: float = 0.0

    async def beat(self) -> None:
        """For ever."""
        clock = asyncio.get_running_loop().time
        while True:
            began, writes = clock(), self.writing.dialog_id is not None
            await asyncio.sleep(BEAT)
            late = 1000 * (clock() - began - BEAT)
            if writes and self.writing.dialog_id is not None:
                self.at_work = max(self.at_work, late)
            elif not writes:
                self.at_rest = max(self.at_rest, late)

    def emit(self, event: str, **fields: object) -> None:
        """Tell of an event."""
        if event == "ready":
            self.at_rest = 0.0
        if event in WRITTEN:
            fields |= {"at_rest": round(self.at_rest, 1), "at_work": round(self.at_work, 1)}
            self.at_rest = self.at_work = 0.0
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


async def main() -> None:
    """Run until killed. The model is there before the heart begins to beat."""
    with Desk.open() as desk, desk.home.holding_login("run"):
        heart = Heart()
        responder, _ = speaker.responder(desk, desk.archive)
        beating = asyncio.create_task(heart.beat())
        login = connection.login_of(desk.settings, desk.home.session)
        await run(desk.home, desk.settings, login, responder, None, heart.emit, asyncio.Event(), writing=heart.writing)
        beating.cancel()


if __name__ == "__main__":
    asyncio.run(main())
