"""What leaves your machine: by default nothing but what is said to the Telegram server of the settings.

The whole road runs as real commands with a listener inside each process: Python's own audit events, recorded to a file
before the address is reached. It hears whatever Python opens, in any library; code that is compiled into a library
could open a socket unheard.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.doctor import TELEMETRY
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests import training_models as models
from tests.terminal import PATIENCE, ROOT, Terminal, ended
from training import base

LISTENER = """
import json, os, sys

HEAVY = {"torch", "transformers", "peft", "accelerate", "bitsandbytes", "huggingface_hub", "safetensors", "gguf"}

def hear(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        note(event=event, address=arguments[1])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        note(event=event, address=arguments[:2])
    elif event == "import" and arguments[0] in HEAVY:
        note(event=event, module=arguments[0], unset=[name for name in %(switches)r if not os.environ.get(name)])

def note(**heard):
    line = json.dumps(heard | {"command": getattr(sys, "orig_argv", [])[1:4]}, default=repr) + "\\n"
    file = os.open(%(record)r, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)

sys.addaudithook(hear)
"""


class Ear:
    """A record of everything that the processes of one environment opened, and where it is kept."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "heard.jsonl"
        self.code = folder / "listening"
        self.code.mkdir(parents=True)
        listener = LISTENER % {"record": str(self.record), "switches": TELEMETRY}
        (self.code / "sitecustomize.py").write_text(listener)

    @property
    def path(self) -> str:
        """`PYTHONPATH` for processes that are to be heard: Python runs `sitecustomize` before anything else."""
        return f"{self.code}:{ROOT}"

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """What was heard of a kind, `socket` or `import`."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [event for line in lines if (event := json.loads(line))["event"].startswith(kind)]

    def strangers(self, *known: str) -> list[dict[str, Any]]:
        """Whatever was opened or looked up besides these `host:port`. Files that serve as sockets stay in the house."""
        return [e for e in self.heard("socket") if isinstance(e["address"], list) and _name(e["address"]) not in known]


def _name(address: list[Any]) -> str:
    return ":".join(map(str, address[:2]))


@pytest.fixture
def ear(tmp_path: Path) -> Ear:
    return Ear(tmp_path)


@pytest.fixture
def shell(tmp_path: Path, ear: Ear) -> Terminal:
    """What a newcomer's shell has: none of the switches that this machine may have set, and the demo's model."""
    switches = (*TELEMETRY, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    settings = dict.fromkeys(switches, "(unset)") | {
        "PYTHONPATH": ear.path,
        "DOPPELGRAM_LIVE__DEBOUNCE_SECONDS": "0.1",
        "DOPPELGRAM_LIVE__BUBBLE_SECONDS": "0",
        "DOPPELGRAM_MODEL__BASE": "smollm2",
        "DOPPELGRAM_MODEL__MAX_TOKENS": "8",
        "DOPPELGRAM_MODEL__CANDIDATES": "1",
    }
    return Terminal(tmp_path, settings=settings)


async def answered(shell: Terminal, sandbox: Sandbox) -> None:
    """A live client hears a contact and sends a reply. Its words are recorded: the model has spoken in `try`."""
    process = await shell.start(json.dumps([["yep"]]), program=("-m", "tests.child_run"))
    try:
        assert process.stdout
        async with asyncio.timeout(PATIENCE):
            async for line in process.stdout:
                event = json.loads(line)["event"]
                if event == "watching":
                    await sandbox.say(ALMA, sandbox.town.owner_id, "are you there?")
                elif event == "sent":
                    return
        raise AssertionError("it ended without an answer")
    finally:
        process.kill()
        await process.communicate()


async def test_the_road_speaks_to_the_telegram_server_and_to_nobody_else(shell: Terminal, ear: Ear) -> None:
    base.find("smollm2", models.MODELS)  # a base model may be fetched; this one is here before anybody listens
    async with Sandbox(small_town()) as sandbox:
        shell.sandbox = sandbox
        (await shell("doctor", "--json")).ok()
        (await shell.login()).ok()
        (await shell("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
        (await shell("pull", "--all")).ok()
        (await shell("build")).ok()
        (await shell("status", "--json")).ok()
        assert (await shell("train", "--minutes", "0.05", "--json")).ok().json["steps"] >= 1
        assert "suggestions" in (await shell("try", "Alma Reyes", "are you there?", "--json")).ok().json
        (await shell("chats", "set", "Alma Reyes", "--mode", "auto", "--force")).ok()
        await answered(shell, sandbox)
        (await shell("logout")).ok()
    assert ear.strangers(sandbox.address) == []
    speakers = {" ".join(event["command"]) for event in ear.heard("socket")}
    # Had the listener been deaf in one of them, it would be missing here.
    wanted = {f"-m bot {verb}" for verb in ("doctor", "login", "pull", "logout")} | {'-m tests.child_run [["yep"]]'}
    assert speakers == wanted, "and the other verbs need no network at all"
    imported = ear.heard("import")
    assert {(e["command"][2], e["module"]) for e in imported} >= {
        (verb, library) for verb in ("train", "try") for library in ("torch", "transformers", "huggingface_hub", "peft")
    }
    assert {name for event in imported for name in event["unset"]} == set(), "telemetry is off before each import"


# --- the listener can hear


async def listen(shell: Terminal, code: str) -> None:
    """Run a program that opens something."""
    (await ended(await shell.start(code, program=("-c",)))).ok()


@pytest.mark.parametrize(
    ("event", "opening"),
    [
        ("socket.connect", "socket.create_connection(('127.0.0.1', 9), timeout=1)"),
        ("socket.connect", "socket.socket(socket.AF_INET6).connect(('::1', 9))"),
        ("socket.connect", "asyncio.run(asyncio.open_connection('127.0.0.1', 9))"),
        ("socket.connect", "urllib.request.urlopen('http://127.0.0.1:9/', timeout=1)"),
        ("socket.connect", "subprocess.run([sys.executable, '-c', f'import socket; {CONNECT}'])"),
        ("socket.sendto", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"),
        ("socket.sendmsg", "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], (), 0, ('127.0.0.1', 9))"),
        ("socket.getaddrinfo", "socket.getaddrinfo('localhost', 443)"),
        ("socket.gethostbyname", "socket.gethostbyname('localhost')"),
    ],
)
async def test_any_other_connection_is_heard(shell: Terminal, ear: Ear, event: str, opening: str) -> None:
    before = (
        "import asyncio, contextlib, socket, subprocess, sys, urllib.request",
        "CONNECT = 'socket.create_connection((\\'127.0.0.1\\', 9), timeout=1)'",
        "with contextlib.suppress(OSError):",
    )
    await listen(shell, "\n".join((*before, f"    {opening}")))
    assert event in {each["event"] for each in ear.strangers("127.0.0.1:10")}


async def test_the_server_of_the_settings_and_sockets_in_the_house_are_no_strangers(shell: Terminal, ear: Ear) -> None:
    await listen(
        shell,
        "import contextlib, socket\n"
        "for family, where in ((socket.AF_UNIX, 'here'), (socket.AF_INET, ('127.0.0.1', 9))):\n"
        "    with contextlib.suppress(OSError):\n"
        "        socket.socket(family).connect(where)\n",
    )
    assert len(ear.heard("socket")) == 2
    assert ear.strangers("127.0.0.1:9") == []


async def test_a_library_that_is_imported_with_its_telemetry_on_is_heard(shell: Terminal, ear: Ear) -> None:
    await listen(shell, "import huggingface_hub")
    await listen(shell, "import training, huggingface_hub")
    first, second = [event["unset"] for event in ear.heard("import") if event["module"] == "huggingface_hub"]
    assert set(first) == set(TELEMETRY)
    assert second == []
