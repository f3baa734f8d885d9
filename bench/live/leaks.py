"""Check 6, second half: planted credentials and message text, through the verbs as processes of their own, at debug
level, asyncio's too, and with bugs at random places. Whatever they print, and log, is searched.
"""

import asyncio
import base64
import random
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telethon.sessions import SQLiteSession, StringSession

from bench.live.child import environment
from bench.live.house import House, house
from bench.live.loud import BUG, CALLS
from bench.live.mould import Mould
from bench.live.planted import (
    IN_FILES,
    MALFORMED,
    PASSWORD,
    SERVER_KEY,
    TOKEN,
    WRITTEN,
    WRONG_CODE,
    WRONG_PASSWORD,
    messages,
)
from bench.live.street import BOT, FIRST, OWNER
from bot.policy import Mode

CHAT = str(FIRST + 1)
LOGIN = "login"
VERBS: dict[str, tuple[str, ...]] = {
    LOGIN: ("--json",),
    **dict.fromkeys(("status", "doctor", "pull", "build", "plan", "train", "evaluate", "review", "adapters"), ()),
    "chats": ("--refresh",),
    "consent": ("list",),
    "import": ("result.json",),
    "try": (CHAT, "hello", "--yes"),
    "run": ("--yes", "--json"),
    "web": ("--json",),
    "pause": (),
    "resume": (),
    "log": (CHAT,),
    "forget": (CHAT, "--yes"),
    "logout": (),
    "wipe": ("--yes",),
}
"""With their arguments; those that end a login come last. `demo` knows nothing that is not in its own folder."""
SHOWN = ("review", "log", "try")
"""Whose standard output is what people wrote."""
OPEN = {"run": b'"ready"', "web": b'"page"'}
"""What does not end by itself, and how it tells that it is open."""
PATIENCE = 240.0


@dataclass
class Search:
    """What was printed so far, and what was found in it."""

    secrets: dict[str, str]
    leaked: set[str] = field(default_factory=set)
    processes: int = 0
    tracebacks: int = 0
    texts: int = 0

    def through(self, verb: str, out: str, err: str) -> None:
        """Another process has ended."""
        self.processes += 1
        self.tracebacks += "Traceback" in err and BUG in err
        hidden = err if verb in SHOWN else out + err
        for name, secret in self.secrets.items():
            if secret in (hidden if secret in WRITTEN else out + err):
                self.leaked.add(f"{name} in {verb}")
        self.texts += sum(text.partition(":")[0] in hidden for text in messages())


async def check(mould: Mould, folder: Path, bugs: int, verbs: Collection[str] = VERBS) -> dict[str, Any]:
    """Each verb once as it is and so many times with a bug, each time on a copy of the same home."""
    chance = random.Random(bugs)
    async with house(mould, folder / "leaks", dict.fromkeys(range(3), Mode.ASK), debounce_seconds=0.1) as here:
        await _plant(here)
        search = Search(_secrets(here))
        for verb in filter(verbs.__contains__, VERBS):
            calls = await _play(here, folder / "copy", verb, search, 0)
            for _ in range(bugs):
                await _play(here, folder / "copy", verb, search, int(calls * chance.uniform(0.1, 0.95)))
        if "status" in verbs:
            await _malformed(here, folder / "copy", search)
        return {
            "credentials": len(search.secrets),
            "credentials_leaked": len(search.leaked),
            "leaks": sorted(search.leaked),
            "texts_in_logs": search.texts,
            "loud_processes": search.processes,
            "forced_tracebacks": search.tracebacks,
        }


async def _plant(here: House) -> None:
    town = here.sandbox.town
    town.owner.password, town.accounts[BOT].token = PASSWORD, TOKEN
    async with here.at_work():
        for number, text in enumerate(messages()):
            await here.sandbox.say(FIRST + number % 3, OWNER, text)
        await here.until(lambda: here.counts["held"] + here.counts["offered"] >= 3, 20)
    (here.home.path / "result.json").write_text("{}")


def _secrets(here: House) -> dict[str, str]:
    """What must not be printed, by its name."""
    session = SQLiteSession(str(here.home.session))
    key = session.auth_key.key
    text = StringSession.save(session)
    session.close()
    return {
        "api hash": here.sandbox.town.api_hash,
        "phone": here.sandbox.town.owner.phone or "",
        "password": PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "wrong code": WRONG_CODE,
        "session key": key.hex(),
        "session key as text": base64.b64encode(key).decode(),
        "session key as Python shows it": repr(key)[2:-1],
        "session string": text,
        "key of the surrogates": here.home.key().hex(),
        "companion token": TOKEN,
        "model server key": SERVER_KEY,
        **{f"malformed {name}": value for name, value in MALFORMED.items()},
        **{f"slip in {name}": value.partition("=")[2].strip() for name, value in IN_FILES.items()},
        **{f"message {number}": secret for number, secret in enumerate(WRITTEN)},
    }


async def _play(here: House, copy: Path, verb: str, search: Search, fatal: int) -> int:
    """One process; how many calls of ours there were."""
    shutil.copytree(here.home.path, copy)
    try:
        if verb == LOGIN:
            _forget_login(copy)
        phone = here.sandbox.town.owner.phone or ""
        words = (verb, "--phone", f"+{phone}", *VERBS[verb]) if verb == LOGIN else (verb, *VERBS[verb])
        process = await _start(here, copy, words, fatal)
        given = b""
        if verb == LOGIN:
            here.sandbox.codes.pop(phone, None)
            await _code(here, process, phone)
            code = here.sandbox.code_for(phone) if phone in here.sandbox.codes else ""
            given = "\n".join([WRONG_CODE, code, WRONG_PASSWORD, PASSWORD, ""]).encode()
        out, err = await _ended(here, process, verb, given)
    finally:
        shutil.rmtree(copy)
    search.through(verb, out.decode(), err.decode())
    return int(err.decode().rpartition(CALLS)[2].split()[0])


async def _malformed(here: House, copy: Path, search: Search) -> None:
    """`status` with one setting that is wrong, in the environment and in each of the files."""
    for name, value in MALFORMED.items():
        copy.mkdir()
        process = await _start(here, copy, ("status",), 0, **{name: value})
        search.through("status", *(each.decode() for each in await process.communicate()))
        shutil.rmtree(copy)
    for name, line in IN_FILES.items():
        copy.mkdir()
        (copy / name).write_text(line + "\n")
        process = await _start(here, copy, ("status",), 0)
        search.through("status", *(each.decode() for each in await process.communicate()))
        shutil.rmtree(copy)


async def _start(
    here: House, home: Path, words: tuple[str, ...], fatal: int, **values: object
) -> asyncio.subprocess.Process:
    server = {"MODEL__BASE": "smollm2", "MODEL__SERVER": "http://127.0.0.1:9", "MODEL__SERVER_KEY": SERVER_KEY}
    own = {"COMPANION__TOKEN": TOKEN, **server}
    surroundings = environment(here, home, **{**own, **values}) | {"PYTHONASYNCIODEBUG": "1"}
    command = [sys.executable, "-m", "bench.live.loud", str(fatal), *words]
    return await asyncio.create_subprocess_exec(
        *command, cwd=home, env=surroundings, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


async def _code(here: House, process: asyncio.subprocess.Process, phone: str) -> None:
    """Wait until the server has sent one, or it is clear that nobody wants one."""
    async with asyncio.timeout(PATIENCE):
        while phone not in here.sandbox.codes and process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _ended(here: House, process: asyncio.subprocess.Process, verb: str, given: bytes) -> tuple[bytes, bytes]:
    """Wait for the end; what does not end by itself has something to do first, and is told to."""
    if verb not in OPEN:
        return await asyncio.wait_for(process.communicate(given), PATIENCE)
    assert process.stdout
    assert process.stderr
    err, out = asyncio.create_task(process.stderr.read()), b""
    async with asyncio.timeout(PATIENCE):
        while line := await process.stdout.readline():
            out += line
            if OPEN[verb] in line:
                await here.sandbox.say(FIRST + 1, OWNER, messages()[0])
                await asyncio.sleep(2)
                process.send_signal(signal.SIGTERM)
        await process.wait()
        return out, await err


def _forget_login(home: Path) -> None:
    for file in home.glob("*.session*"):
        file.unlink()
