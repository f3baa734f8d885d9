"""`python -m sandbox`: the sandbox as a process. One JSON line says how to come in.

Then each line of input is a command. The end of input does not end it: a signal or `quit` does. Nothing is kept.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from sandbox import console
from sandbox.server import Sandbox
from sandbox.town import Town

TOWNS = ("small", "corpus", "stage", "life", "crowd")


def build(name: str, seed: int, password: str | None) -> Town:
    """One of the towns. Imported late: the corpus takes its time."""
    if name == "corpus":
        from sandbox.cast import corpus_town

        town = corpus_town(seed=seed)
    elif name == "stage":
        from sandbox.stage import stage_town

        town = stage_town(seed=seed)
    elif name == "life":
        from sandbox.life import life_town

        town = life_town(seed=seed)
    elif name == "crowd":
        from sandbox.crowd import crowd_town

        town = crowd_town(seed=seed)
    else:
        from sandbox.small import small_town

        town = small_town(seed=seed)
    town.owner.password = password
    return town


async def serve(town: Town, port: int) -> None:
    """Open the town and obey until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    async with Sandbox(town, port=port) as sandbox:
        print(console.render(console.greeting(sandbox)), flush=True)
        obeying = asyncio.create_task(obey(sandbox, stop))
        await stop.wait()
        obeying.cancel()


async def obey(sandbox: Sandbox, stop: asyncio.Event) -> None:
    """Answer each line of input."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # a thread of its own, and a daemon: a blocked read must not keep the process alive
    from threading import Thread

    def read() -> None:
        for line in sys.stdin:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(lines.put_nowait, line)

    Thread(target=read, daemon=True).start()
    while True:
        line = await lines.get()
        if line.strip() == "quit":
            print(console.render({"ok": True}), flush=True)
            stop.set()
        elif line.strip():
            print(console.render(await console.answer(sandbox, line)), flush=True)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--town", choices=TOWNS, default="small")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--owner-password", help="gives the owner a second factor")
    given = parser.parse_args()
    asyncio.run(serve(build(given.town, given.seed, given.owner_password), given.port))


if __name__ == "__main__":
    main()
