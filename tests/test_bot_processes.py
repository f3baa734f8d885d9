"""Every verb against a server in another process, found by its address and key alone, as anybody could run one.

`python -m sandbox` is obeyed over its standard input; each verb is a process of its own. The last two tests speak with
the real model: `doppelgram run` offers a reply, the owner approves it, and kill -9 comes in between.
"""

import asyncio
import json
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.bubbles import typing_time
from bot.control import Control
from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions
from tests import training_models as models
from tests.terminal import PATIENCE, ROOT, Ended, Terminal, ended, suggest, until
from training import base

Process = asyncio.subprocess.Process
QUICK = {
    "DOPPELGRAM_LIVE__DEBOUNCE_SECONDS": "0.1",
    "DOPPELGRAM_LIVE__BUBBLE_SECONDS": "0.5",
    "DOPPELGRAM_LIVE__CHAT_SECONDS": "0",
    "DOPPELGRAM_MODEL__BASE": "smollm2",
    "DOPPELGRAM_MODEL__MAX_TOKENS": "8",
    "DOPPELGRAM_MODEL__CANDIDATES": "1",
}


@dataclass
class Server:
    """A sandbox in a process of its own, and what it said when it opened."""

    process: Process
    hello: dict[str, Any]

    async def __call__(self, line: str) -> Any:
        """Its answer to a command."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line.encode() + b"\n")
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE))

    def settings(self) -> dict[str, str]:
        """What points a client at it: nothing but what Telegram publishes about its own servers."""
        return QUICK | {
            "DOPPELGRAM_API_ID": str(self.hello["api_id"]),
            "DOPPELGRAM_API_HASH": self.hello["api_hash"],
            "DOPPELGRAM_TELEGRAM__SERVER": self.hello["address"],
            "DOPPELGRAM_TELEGRAM__SERVER_DC": str(self.hello["dc"]),
            "DOPPELGRAM_TELEGRAM__SERVER_KEY": self.hello["public_key"].replace("\n", "\\n"),
        }

    async def delivered(self) -> list[dict[str, Any]]:
        """What the owner's logins sent to people."""
        owner = self.hello["owner"]["id"]
        rows: list[dict[str, Any]] = await self("log")
        return [r for r in rows if r["sender_id"] == owner != r["peer_id"] and r["via_session"] is not None]


@asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[Server]:
    """A small town, open until the end of the block."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "sandbox", "--town", "small", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout
        yield Server(process, json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE)))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def log_in(shell: Terminal, server: Server, *lines: str) -> Ended:
    """By phone number; then the code that the server sent, and these lines."""
    process = await shell.start("login", "--phone", server.hello["owner"]["phone"], "--json")
    async with asyncio.timeout(PATIENCE):
        while "code" not in (answer := await server("code")):
            assert process.returncode is None, "it ended without asking for a code"
            await asyncio.sleep(0.05)
    return await ended(process, "\n".join((answer["code"], *lines)) + "\n")


@dataclass
class Client:
    """A live client in a process of its own, and the events it has told of."""

    process: Process
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, *names: str) -> dict[str, Any]:
        """The next event with one of these names."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            async for line in self.process.stdout:
                self.heard.append(json.loads(line))
                if self.heard[-1]["event"] in names:
                    return self.heard[-1]
        raise AssertionError(f"the client ended before {names}: {self.heard}")


@asynccontextmanager
async def running(shell: Terminal, *words: str, program: tuple[str, ...] = ("-m", "bot")) -> AsyncIterator[Client]:
    """A client that is killed at the end of the block, if nothing ended it before."""
    process = await shell.start(*words, program=program)
    assert process.stderr
    drained = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
    try:
        yield Client(process)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        await drained


class Manager:
    """What listens where a service manager would."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def heard(self) -> list[str]:
        """What was said since the last time."""
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(100).decode())
        return found


# --- the road


async def test_every_verb_finds_a_server_of_another_process_by_its_settings(tmp_path: Path) -> None:
    async with serving() as server:
        shell = Terminal(tmp_path, settings=server.settings())
        assert next(c for c in (await shell("doctor", "--json")).json["checks"] if c["name"] == "server")["ok"]
        (await shell("pull", "--all")).failed(4)
        assert (await log_in(shell, server)).ok().json["user_id"] == server.hello["owner"]["id"]
        titles = {chat["title"]: chat["id"] for chat in (await shell("chats", "--json")).ok().json}
        assert {contact["name"] for contact in server.hello["contacts"]} < titles.keys()

        (await shell("consent", "grant", "--all", "--scope", "own")).ok()
        (await shell("consent", "grant", "Carla", "--scope", "chat")).ok()
        pulled = (await shell("pull", "--all", "--json")).ok().json
        texts = [await server(f"texts {name}") for name in ("Alma", "Bruno", "Carla")]
        assert pulled["new"] == sum(map(len, texts)) == 145
        assert (await shell("build", "--json")).ok().json["messages"] == 145

        (await shell("chats", "set", "Carla", "--mode", "auto", "--force")).ok()
        async with running(shell, json.dumps([["right away"]]), program=("-m", "tests.child_run")) as client:
            await client.until("watching")
            await server("say Carla can you hear me")
            await client.until("sent")
        assert [(r["peer_id"], r["text"]) for r in await server.delivered()] == [(titles["Carla"], "right away")]
        assert [row["text"] for row in (await shell("log", "Carla", "--json")).ok().json] == ["right away"]

        (await shell("logout")).ok()
        (await shell("pull", "--all")).failed(4)
        assert "logout" in [event["kind"] for event in await server("events")], "it ends on the server too"
        assert (await server("calls"))["GetHistoryRequest"] > 0


async def test_a_second_factor_is_asked_for_and_a_wrong_key_is_no_server(tmp_path: Path) -> None:
    async with serving("--owner-password", "plum cake") as server, serving() as stranger:
        shell = Terminal(tmp_path / "one", settings=server.settings())
        assert (await log_in(shell, server, "plum tart", "plum cake")).ok().json["name"] == "Robin Vale"
        assert (await shell("status", "--json")).ok().json["logged_in"]
        key = "DOPPELGRAM_TELEGRAM__SERVER_KEY"
        wrong = Terminal(tmp_path / "two", settings=server.settings() | {key: stranger.settings()[key]})
        calls = await server("calls")
        refused = (await wrong("login", "--phone", server.hello["owner"]["phone"], stdin="12345\n")).failed(1)
        assert "cannot be reached" in refused.err
        assert "DOPPELGRAM_TELEGRAM__SERVER_KEY" in refused.err
        assert await server("calls") == calls, "nothing is asked of a server that cannot prove who it is"


# --- the real model


@pytest.fixture
async def awake(tmp_path: Path) -> AsyncIterator[tuple[Server, Terminal]]:
    """A home that is logged in, with one chat that asks before it speaks with the untuned base."""
    base.find("smollm2", models.MODELS)  # unpacked once per machine, before anybody waits for it
    async with serving() as server:
        shell = Terminal(tmp_path, settings=server.settings())
        (await log_in(shell, server)).ok()
        (await shell("consent", "grant", "Bruno Okafor", "--scope", "chat")).ok()
        (await shell("chats", "set", "Bruno Okafor", "--mode", "ask")).ok()
        yield server, shell


async def suggested(server: Server, client: Client) -> dict[str, Any]:
    """A contact writes until the model has something to say; what it says may be held, but it is never sent."""
    for number in range(8):
        await server(f"say Bruno and what about number {number}")
        event = await client.until("offered", "held", "dropped")
        if event["event"] != "dropped":
            return event
    raise AssertionError(f"the model never says anything: {client.heard}")


async def waiting(shell: Terminal) -> dict[str, Any]:
    """The one suggestion that waits for the owner."""
    (row,) = (await shell("review", "--json")).ok().json
    return dict(row)


async def test_the_real_model_answers_only_when_its_owner_approves(awake: tuple[Server, Terminal]) -> None:
    server, shell = awake
    manager = Manager(shell.path / "notify")  # of services, such as systemd
    shell.settings |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000000"}
    async with running(shell, "run", "--json") as client:
        await client.until("watching")
        assert manager.heard() == ["WATCHDOG=1", "READY=1"]
        event = await suggested(server, client)
        names = [each["event"] for each in client.heard]
        assert (
            names.index("watching") < names.index("ready") < names.index("model_loaded") < names.index(event["event"])
        )
        row = await waiting(shell)
        assert (row["id"], row["chat"], row["mode"], row["adapter"]) == (event["suggestion"], "Bruno Okafor", "ask", "")
        assert row["texts"]
        assert await server.delivered() == []
        (await shell("review", "--approve", str(row["id"]))).ok()
        for _ in row["texts"]:
            await client.until("sent")
        client.process.send_signal(signal.SIGUSR1)
        await client.until("paused")
        assert (await shell("status", "--json")).ok().json["paused"]
        client.process.send_signal(signal.SIGINT)
        assert await client.process.wait() == 130
    *life, last = manager.heard()
    manager.close()
    assert (set(life) - {"WATCHDOG=1"}, last) == (set(), "STOPPING=1")
    assert [(r["peer_id"], r["text"]) for r in await server.delivered()] == [
        (row["chat_id"], text) for text in row["texts"]
    ]


async def test_killed_after_an_approval_the_real_model_sends_it_once(awake: tuple[Server, Terminal]) -> None:
    """Three times; whoever restarts after one kill is who is killed next. Answers to the send take their time, and the
    moments lie in different thirds of the way: the last is when it is delivered and its sender does not know."""
    server, shell = awake
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    approved: list[list[str]] = []
    for third in range(3):
        async with running(shell, "run", "--json") as client:
            await client.until("watching")
            await check_deliveries(shell, server, approved)
            await suggested(server, client)
            row = await waiting(shell)
            await server("fault slow SendMessageRequest 1.2")
            (await shell("review", "--approve", str(row["id"]))).ok()
            approved.append(row["texts"])
            way = typing_time(row["texts"][0], 0.5) + 1
            await asyncio.sleep(way * chance.uniform(third, third + 1) / 3)
    async with running(shell, "run", "--json") as client:
        await client.until("ready")
        await check_deliveries(shell, server, approved)
        client.process.send_signal(signal.SIGINT)  # in the middle of its loading, if that takes longer
        assert await client.process.wait() == 130


async def test_before_and_without_its_model_a_client_settles_obeys_and_then_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    async with serving() as server:
        shell = Terminal(tmp_path, settings=server.settings() | {"DOPPELGRAM_MODEL__BASE": str(tmp_path / "nothing")})
        (await log_in(shell, server)).ok()
        bruno = next(chat["id"] for chat in server.hello["contacts"] if chat["name"] == "Bruno Okafor")
        (await shell("consent", "grant", str(bruno), "--scope", "chat")).ok()
        asked = (await server("say Bruno will you be there?"))["id"]
        (await shell("pull", str(bruno))).ok()
        (await shell("chats", "set", str(bruno), "--mode", "ask")).ok()
        suggest(shell.home, bruno, "see you there", State.APPROVED)
        with closing(LiveDb(shell.home / "live.db")) as live:
            live.db.execute("UPDATE suggestions SET upto_id = ?, created_at = unixepoch()", (asked,))
        async with running(shell, "run", "--json") as client:
            await client.until("sent")
            trouble = await client.until("trouble")
            assert trouble["because"].startswith("There are no safetensors weights in")
            assert "ready" in [each["event"] for each in client.heard], "it is loaded after all that"
            await server(f"own {server.hello['owner']['id']} .twin pause")
            with closing(LiveDb(shell.home / "live.db")) as live:
                await until(lambda: Control(live).paused(datetime.now(UTC)))
                (await shell("resume")).ok()
                await server("say Bruno shall we have lunch?")
                told = await noticed(server, "No reply could be written")
                assert trouble["because"] in told
                assert live.db.execute("SELECT outcome FROM inbox").fetchall()[-1][0] is None, "it waits for a model"
            client.process.send_signal(signal.SIGINT)
            assert await client.process.wait() == 130
        assert [row["text"] for row in await server.delivered()] == ["see you there"]


async def noticed(server: Server, words: str) -> str:
    """What the twin tells its owner with these words in it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for row in await server("log"):
                if row["peer_id"] == server.hello["owner"]["id"] and words in row["text"]:
                    return str(row["text"])
            await asyncio.sleep(0.2)


async def check_deliveries(shell: Terminal, server: Server, approved: list[list[str]]) -> None:
    """Wait until no reply is under way. Each approved one was delivered once: all of it, or, where a kill came between
    two of its messages, its beginning. No row was delivered twice, and the client knows what was."""
    with closing(LiveDb(shell.home / "live.db")) as live:
        await until(lambda: not Suggestions(live).in_state(State.APPROVED, State.PLANNED, State.SENDING))
        decided = Suggestions(live).in_state(*(state for state in State if state is not State.SUPERSEDED))
        assert [(list(each.texts), each.state) for each in decided] == [(texts, State.SENT) for texts in approved]
        rows = live.db.execute("SELECT suggestion_id, text FROM outbox WHERE state = 'sent' ORDER BY id").fetchall()
    delivered = await server.delivered()
    assert [row["text"] for row in delivered] == [text for _, text in rows]
    assert len({row["random_id"] for row in delivered}) == len(delivered)
    for each, texts in zip(decided, approved, strict=True):
        out = [text for suggestion, text in rows if suggestion == each.id]
        assert out == texts[: len(out)]
        assert out
