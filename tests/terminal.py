"""A terminal without a terminal: the command line as real processes against a sandbox in this one.

Each process gets a clean environment with a home folder of its own and the sandbox's address, as a user would set it.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.home import Home
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.suggestion import State, Suggestions
from data.archive import Archive
from data.consent import Ledger
from data.transcript import Scope
from sandbox.server import Sandbox
from tests.entering import enter_for_good

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 240.0
"""Seconds. Nothing is timed here; this only ends what would never end, on a slow machine too."""
NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value on one line."""
        assert self.out.count("\n") == 1, f"not one line: {self.out!r} {self.err!r}"
        return json.loads(self.out)

    def ok(self) -> "Ended":
        """Itself, after a success."""
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return self

    def failed(self, code: int) -> "Ended":
        """Itself, after an expected failure: this exit code, a sentence and a hint, and no traceback."""
        assert self.code == code, f"exit {self.code}, not {code}: {self.err}"
        assert "Traceback" not in self.err, self.err
        return self


@dataclass
class Terminal:
    """A person's shell: one home folder, and the settings exported."""

    path: Path
    sandbox: Sandbox | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.path / "home"

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees: nothing of the machine's own settings."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("DOPPELGRAM_")}
        own |= {
            "DOPPELGRAM_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "DOPPELGRAM_PULL__REQUESTS_PER_SECOND": "1000",
        }
        if self.sandbox:
            own |= {
                "DOPPELGRAM_API_ID": str(self.sandbox.town.api_id),
                "DOPPELGRAM_API_HASH": self.sandbox.town.api_hash,
                "DOPPELGRAM_TELEGRAM__SERVER": self.sandbox.address,
                "DOPPELGRAM_TELEGRAM__SERVER_DC": str(self.sandbox.dc),
                "DOPPELGRAM_TELEGRAM__SERVER_KEY": self.sandbox.public_key.replace("\n", "\\n"),
            }
        return {name: value for name, value in (own | self.settings).items() if value != "(unset)"}

    async def start(
        self, *words: str, before: Callable[[], None] | None = None, program: Sequence[str] = ("-m", "bot")
    ) -> asyncio.subprocess.Process:
        """Begin a command. `before` runs in the new process, as limits and the umask are set."""
        self.path.mkdir(parents=True, exist_ok=True)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            *words,
            cwd=self.path,
            env=self.environment,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            preexec_fn=before,
        )

    async def __call__(self, *words: str, stdin: str = "", before: Callable[[], None] | None = None) -> Ended:
        """Run a command to its end. Its standard input is these lines, then nothing."""
        return await ended(await self.start(*words, before=before), stdin)

    async def enter(self) -> None:
        """Be logged in, for tests whose claim begins there: in this process, which is quicker than the verb."""
        assert self.sandbox
        await enter_for_good(self.sandbox, Home.at(self.home))

    async def login(self, *, passwords: Sequence[str] = ("",), code: str | None = None) -> Ended:
        """Log in as the town's owner: by phone number, then code and password as lines. Wrong ones may be given."""
        assert self.sandbox
        phone = self.sandbox.town.owner.phone or ""
        codes = self.sandbox.codes
        old = codes.get(phone)
        process = await self.start("login", "--phone", f"+{phone}", "--json")
        await until(lambda: codes.get(phone) not in (old, None) or process.returncode is not None)
        digits = code or (self.sandbox.code_for(phone) if phone in self.sandbox.codes else "")
        given = passwords if passwords != ("",) else (self.sandbox.town.owner.password or "",)
        return await ended(process, "\n".join((digits, *given)) + "\n")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does, but not for ever."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- what another process does sets no event here
            await asyncio.sleep(0.02)


async def ended(process: asyncio.subprocess.Process, stdin: str = "") -> Ended:
    """Wait for the end of a process, but not for ever."""
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin.encode() if process.stdin else None)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"it did not end: {out.decode()!r} {err.decode()!r}") from None
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def everything_in(folder: Path) -> bytes:
    """The bytes of all files of a folder, for looking what must not be in any of them."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def agrees(terminal: Terminal, *contacts: int) -> bool:
    """Whether the archive holds just what the server shows, as far as the consent allows."""
    assert terminal.sandbox
    with closing(Archive(terminal.home / "archive.db")) as archive:
        return all(
            [(m.mine, m.text) for m in archive.messages(each)]
            == [
                (line.mine, line.text if line.mine or _is_whole(archive, each) else "")
                for line in terminal.sandbox.texts(each)
            ]
            for each in contacts
        )


def _is_whole(archive: Archive, contact: int) -> bool:
    consent = Ledger(archive).of(contact)
    return consent is not None and consent.scope is Scope.CHAT


def suggest(home: Path, dialog_id: int, text: str, state: State = State.OFFERED) -> int:
    """A suggestion that waits, or was decided on."""
    with closing(LiveDb(home / "live.db")) as live:
        suggestions = Suggestions(live)
        (upto,) = live.db.execute("SELECT coalesce(max(upto_id), 100000) + 1 FROM suggestions").fetchone()
        now = datetime.now(UTC)
        made = suggestions.add(
            dialog_id=dialog_id,
            upto_id=upto,
            attempt=0,
            mode=Mode.ASK,
            texts=[text],
            confidence=None,
            outcome="pass",
            reasons=[],
            adapter="test",
            answers=[],
            now=now,
        )
        moved = suggestions.move(made, State.OFFERED, now, surface="review")
        assert moved
        if state is not State.OFFERED:
            assert suggestions.move(moved, state, now, surface="terminal")
        return made.id
