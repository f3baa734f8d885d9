"""Questions at a real terminal (a pseudo-terminal of the system): prompts, hidden answers, Ctrl-C."""

import asyncio
import io
import logging
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bot import ask
from bot.commands import account
from bot.home import Home
from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions
from data.errors import ExitCode, UserError
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.terminal import PATIENCE, Terminal, everything_in, suggest, until

PASSWORD = "correct horse"


@dataclass
class Screen:
    """A process at a terminal: what it shows, and a keyboard."""

    process: asyncio.subprocess.Process
    master: int
    shown: str = ""
    _seen: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def of(cls, terminal: Terminal, *words: str) -> "Screen":
        """Start a command at a terminal of its own."""
        terminal.path.mkdir(parents=True, exist_ok=True)
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *words),
            cwd=terminal.path,
            env=terminal.environment | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        screen = cls(process, master)
        asyncio.get_running_loop().add_reader(master, screen._read)
        return screen

    def _read(self) -> None:
        try:
            got = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            got = b""
        if not got:
            asyncio.get_running_loop().remove_reader(self.master)
        self.shown += got.decode(errors="replace")
        self._wake.set()

    async def sees(self, text: str) -> None:
        """Wait until this is shown, after what was seen before."""
        async with asyncio.timeout(PATIENCE):
            while (at := self.shown.find(text, self._seen)) < 0:
                self._wake.clear()
                await self._wake.wait()
        self._seen = at + len(text)

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    async def ends(self) -> int:
        """The exit code."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        return code


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C is a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town(password=PASSWORD)) as running:
        yield running


async def test_a_login_at_a_terminal_asks_and_never_shows_the_password(tmp_path: Path, sandbox: Sandbox) -> None:
    phone = sandbox.town.owner.phone or ""
    screen = await Screen.of(Terminal(tmp_path, sandbox), "login", "--phone", f"+{phone}")
    await screen.sees("Code from Telegram:")
    right = sandbox.code_for(phone)
    screen.types("00000\n" if right != "00000" else "11111\n")
    await screen.sees("That code is wrong; 2 tries left.")
    screen.types(f"{right}\n")
    await screen.sees("2FA password:")
    await asyncio.sleep(0.3)  # until the echo is off
    screen.types("battery staple\n")
    await screen.sees("That password is wrong; 2 tries left.")
    await asyncio.sleep(0.3)
    screen.types(f"{PASSWORD}\n")
    assert await screen.ends() == 0
    assert "Logged in as Robin Vale" in screen.shown
    assert PASSWORD not in screen.shown


async def test_at_a_terminal_login_shows_a_qr_code_and_ctrl_c_ends_it(tmp_path: Path, sandbox: Sandbox) -> None:
    terminal = Terminal(tmp_path, sandbox)
    screen = await Screen.of(terminal, "login")
    await until(lambda: any(login.token for login in sandbox.logins.values()))
    await screen.sees("█")
    screen.types("\x03")
    assert await screen.ends() == 130
    assert "Stopped." in screen.shown
    assert "Traceback" not in screen.shown
    assert not list(terminal.home.glob("*.session*"))


async def test_ctrl_c_at_the_hidden_question_ends_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    phone = sandbox.town.owner.phone or ""
    screen = await Screen.of(Terminal(tmp_path, sandbox), "login", "--phone", f"+{phone}")
    await screen.sees("Code from Telegram:")
    screen.types(f"{sandbox.code_for(phone)}\n")
    await screen.sees("2FA password:")
    screen.types("\x03")
    assert await screen.ends() == 130
    assert "Traceback" not in screen.shown


@pytest.mark.parametrize("words", [("wipe",), ("forget", "7")])
async def test_what_cannot_be_undone_wants_its_verb_typed_at_a_terminal(tmp_path: Path, words: tuple[str, ...]) -> None:
    terminal, verb = Terminal(tmp_path), words[0]
    Home.at(terminal.home)
    suggest(terminal.home, 7, "hello from zebrawood")
    for typed, code in (("yes", 2), (verb, 0)):
        screen = await Screen.of(terminal, *words)
        await screen.sees(f"Type {verb} to go on:")
        assert b"zebrawood" in everything_in(terminal.home)
        screen.types(f"{typed}\n")
        assert await screen.ends() == code
    assert b"zebrawood" not in everything_in(terminal.home)
    assert terminal.home.exists() == (verb == "forget")


async def test_review_at_a_terminal_takes_one_key_for_each_suggestion(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    (await terminal("resume")).ok()
    numbers = [suggest(terminal.home, dialog, f"hello {dialog}") for dialog in (1, 2, 3, 4, 5)]
    screen = await Screen.of(terminal, "review")
    for number, keys in zip(numbers, ("a\n", "e\nmy own words\n\n", "x\ns\n", "e\n\n", "q\n"), strict=True):
        await screen.sees(f"suggestion {number},")
        screen.types(keys)
    assert await screen.ends() == 0
    assert screen.shown.count("Done.") == 3
    assert screen.shown.count("It goes on waiting.") == 1
    with closing(LiveDb(terminal.home / "live.db")) as live:
        ended = [Suggestions(live).get(number) for number in numbers]
    assert [each.state for each in ended if each] == [
        State.APPROVED,
        State.EDITED,
        State.SKIPPED,
        State.OFFERED,
        State.OFFERED,
    ]
    assert ended[1]
    assert ended[1].final == ("my own words",)


async def test_review_at_a_terminal_goes_on_while_the_twin_runs(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    (await terminal("resume")).ok()
    first = suggest(terminal.home, 1, "hello")
    with Home.at(terminal.home).holding_login("run"):
        screen = await Screen.of(terminal, "review")
        await screen.sees(f"suggestion {first},")
        second = suggest(terminal.home, 2, "and hello again")
        (await terminal("review", "--skip", str(first))).ok()
        await screen.sees("Outdated: it was decided elsewhere")
        screen.types("a\n")  # too late for the first, and not meant for the second
        await screen.sees(f"suggestion {second},")
        screen.types("s\n")
        await screen.sees("Done.")
        await screen.sees("What your twin suggests next is shown here.")
        screen.types("a\n")  # for nothing that is shown
        third = suggest(terminal.home, 3, "hello once more")
        await screen.sees(f"suggestion {third},")
        screen.types("l\n")
        await screen.sees("It goes on waiting.")
        await screen.sees("What your twin suggests next is shown here.")  # from now on Ctrl-C is an end as good as q
        screen.types("\x03")
        assert await screen.ends() == 0
    assert "That was all." in screen.shown
    assert screen.shown.count("Done.") == 1


@pytest.mark.parametrize(
    ("question", "hidden", "what"), [("Code from Telegram", False, "code"), ("2FA password", True, "password")]
)
async def test_lines_that_end_after_a_wrong_answer_are_not_said_to_be_no_answer(
    question: str, hidden: bool, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("00000\n"))
    asks = account.Asking()
    assert await asks(question, hidden) == "00000"
    with pytest.raises(UserError) as wrong:  # asked again, because that was wrong
        await asks(question, hidden)
    assert wrong.value.message == f"The {what} was wrong, and standard input has no other."
    assert wrong.value.code is ExitCode.NOT_LOGGED_IN
    with pytest.raises(UserError, match="no answer on standard input") as missing:
        await account.Asking()(question, hidden)
    assert missing.value.code is ExitCode.USAGE


async def test_what_is_answered_is_in_no_log_of_asyncio_either(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # each step is told, with what it was given
    try:
        with caplog.at_level(logging.DEBUG):
            assert await ask.line_async("2FA password", "somewhere", hidden=True) == PASSWORD
            await asyncio.sleep(0)
        assert "Executing" in caplog.text
        assert PASSWORD not in caplog.text
        with pytest.raises(UserError):
            await ask.line_async("2FA password", "somewhere", hidden=True)
    finally:
        loop.set_debug(False)
