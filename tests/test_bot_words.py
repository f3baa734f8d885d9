"""What the data room says to a person: one chat is not `1 chats`, people have names, and a moment is a minute of the
owner's own day."""

import fcntl
import json
import os
import re
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from sandbox.life import CLUB, NINA, OWNER, life_town
from sandbox.server import Sandbox
from tests.terminal import Terminal
from tests.test_data_desktop_export import account, chat, row

WRONG_NUMBER = re.compile(r"\b1 (?:\w+ )?(?:chats|messages|samples|turns|minutes)\b|\b0 chats\b")


@pytest_asyncio.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A home that is logged in to a town with every kind of chat."""
    async with Sandbox(life_town()) as sandbox:
        shell = Terminal(tmp_path, sandbox, {"DOPPELGRAM_TRANSCRIPT__ZONE": "Asia/Tokyo"})
        await shell.enter()
        yield shell
    assert not sandbox.failures


async def test_the_data_room_counts_and_names_as_a_person_does(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "Nina Holt", "--scope", "chat")).ok()
    one = (await terminal("pull", "Nina Holt")).ok().err
    assert "1 chat: 75 new messages" in one
    assert "left out: 1 message, protected" in one
    assert "left out: 3 messages, self-destructing" in one
    (await terminal("consent", "grant", "Rowing club", "--scope", "chat", "--member", "@nina_holt")).ok()
    many = (await terminal("pull", "--all")).ok().err
    assert "2 chats: 5 new messages" in many
    assert "Skipped without a consent: 11 chats." in many
    assert "left out: 1 bot chat\n" in many
    assert "left out: 3 channel chats\n" in many
    built = (await terminal("build")).ok().err
    assert "5 minutes of silence" in built
    assert [said for said in (one, many, built) if WRONG_NUMBER.search(said)] == []
    status = (await terminal("status", "--json")).ok().json
    assert (status["consented"], status["chats"]) == (2, 13), "chats are all that could have a consent"


async def test_the_ledger_names_members_and_tells_minutes_in_the_owners_zone(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "Rowing club", "--scope", "chat", "--member", "@nina_holt")).ok()
    records = (await terminal("consent", "list", "--json")).ok().json
    shown = [line.split("\t") for line in (await terminal("consent", "list")).ok().out.splitlines()]
    assert [line[2] for line in shown] == ["", "Nina Holt"]
    assert [record["member"] for record in records] == [None, NINA]
    assert {line[0] for line in shown} == {str(CLUB)}
    hour, utc = int(shown[0][4][11:13]), int(records[0]["granted_at"][11:13])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", shown[0][4])
    assert hour == (utc + 9) % 24


async def test_an_export_of_somebody_else_is_called_that(terminal: Terminal, tmp_path: Path) -> None:
    (await terminal("consent", "grant", "Nina Holt", "--scope", "chat")).ok()
    file = tmp_path / "result.json"
    theirs = json.loads(json.dumps(account(chat(row(1, NINA, text="hi"), number=NINA, name="Nina Holt"))))
    assert theirs["personal_information"]["user_id"] != OWNER
    file.write_text(json.dumps(theirs))
    assert "export of another account" in (await terminal("import", str(file))).failed(1).err
    theirs["personal_information"]["user_id"] = OWNER
    file.write_text(json.dumps(theirs))
    assert "1 chat: 1 new message, 0 edited, 0 here already." in (await terminal("import", str(file))).ok().err


async def at_eighty_columns(terminal: Terminal, *words: str) -> str:
    """What a verb prints on a terminal of the usual width."""
    seen, screen = os.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def on_screen() -> None:
        os.dup2(screen, 1)

    (await terminal(*words, before=on_screen)).ok()
    os.close(screen)
    shown = b""
    while part := _read(seen):
        shown += part
    os.close(seen)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def _read(end: int) -> bytes:
    try:
        return os.read(end, 65_536)
    except OSError:  # how a terminal ends on Linux
        return b""


async def test_on_a_terminal_no_number_and_no_moment_is_broken_over_two_lines(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    chats = (await terminal("chats", "--json")).ok().json
    shown = await at_eighty_columns(terminal, "chats")
    assert all(str(each["id"]) in shown for each in chats)
    assert len(re.findall(r" \d{4}-\d\d-\d\d \d\d:\d\d", shown)) == len(chats)
    ledger = await at_eighty_columns(terminal, "consent", "list")
    assert len(re.findall(r" \d{4}-\d\d-\d\d \d\d:\d\d", ledger)) == 6
    assert "granted_at" in ledger
    assert "revoked_at" not in ledger, "nobody has taken anything back"
    assert "granted_by" not in ledger
    assert "Mika Sund" in (await terminal("consent", "list")).ok().out, "whoever reads it by a program gets all"
