"""`doppelgram run` with a recorded model in place of a loaded one: what the tests kill. Not a test itself.

python -m tests.child_run REPLY     (settings from the environment; events as JSON lines on standard output)

It ends as the verb does.
"""

import asyncio
import json
import sys

from bot import connection
from bot.cli import ending
from bot.desk import Desk
from bot.guard import Guard
from bot.respond import Responder
from bot.run import run
from data.samples import Shape
from tests.fakes import RecordedGenerator, recorded_adapter, sure


def emit(event: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


async def main(replies: list[list[str]]) -> None:
    with Desk.open() as desk, desk.home.holding_login("run"):
        generator = RecordedGenerator([tuple(reply) for reply in replies])
        responder = Responder(desk.archive, generator, sure, Guard(), Shape(), desk.home.key(), candidates=1)
        login = connection.login_of(desk.settings, desk.home.session)
        await run(desk.home, desk.settings, login, responder, recorded_adapter(), emit, asyncio.Event())


if __name__ == "__main__":
    ending(lambda: asyncio.run(main(json.loads(sys.argv[1]))))
