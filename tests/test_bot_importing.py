"""`import` on the command line: it joins what was pulled, refuses what is no export, and says what to do next."""

import json
import resource
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from data import samples
from data.archive import Archive
from data.errors import ExitCode
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests.terminal import Terminal
from tests.test_data_desktop_export import chat, row


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town()) as running:
        yield running
    assert not running.failures


def exported(folder: Path, *messages: dict[str, object]) -> str:
    path = folder / "result.json"
    path.write_text(json.dumps(chat(*messages, number=ALMA, name="Alma Reyes")), encoding="utf-8")
    return str(path)


async def test_an_export_joins_what_was_pulled_and_counts_once(tmp_path: Path, sandbox: Sandbox) -> None:
    terminal = Terminal(tmp_path, sandbox)
    await terminal.enter()
    (await terminal("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    (await terminal("pull", "--all")).ok()
    with closing(Archive(terminal.home / "archive.db")) as archive:
        pulled = archive.messages(ALMA)
    file = exported(
        tmp_path,
        *(
            row(
                message.id,
                sandbox.town.owner_id if message.mine else ALMA,
                text=message.text,
                date_unixtime=str(int(message.sent_at.timestamp())),
            )
            for message in pulled
        ),
        row(99_999, ALMA, text="only in the export"),
    )
    first = (await terminal("import", file, "--json")).ok().json
    assert (first["chats"], first["new"], first["edited"], first["known"]) == (1, 1, 0, len(pulled))
    assert (await terminal("import", file, "--json")).ok().json["new"] == 0


async def test_without_a_login_a_chat_can_be_granted_and_imported(tmp_path: Path) -> None:
    offline = Terminal(tmp_path)
    file = exported(tmp_path, row(1, ALMA, text="hi"), row(2, 100, text="hey"))
    (await offline("import", file)).failed(ExitCode.CONSENT)
    (await offline("consent", "grant", "Alma Reyes", "--scope", "chat", "--how", "asked her")).ok()
    assert (await offline("import", file, "--json")).ok().json["new"] == 2
    assert (await offline("build", "--json")).ok().json["samples"] >= 1


@pytest.mark.parametrize("content", ["", "[]", "no json"])
async def test_a_file_that_is_no_export_ends_with_a_sentence(tmp_path: Path, content: str) -> None:
    offline = Terminal(tmp_path)
    file = tmp_path / "result.json"
    file.write_text(content)
    told = (await offline("import", str(file))).failed(ExitCode.ERROR)
    assert "result.json" in told.err
    assert told.out == ""


def small_disk() -> None:
    """No file of the process may grow past a limit: for the program it is as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


async def test_a_full_disk_costs_an_import_and_a_build_nothing_that_was_there(tmp_path: Path) -> None:
    offline = Terminal(tmp_path)
    lines = [row(n, ALMA if n % 3 else 100, text=f"line {n} " + "word " * (n % 30)) for n in range(1, 3_001)]
    file = exported(tmp_path, *lines[:50])
    (await offline("import", file)).failed(ExitCode.CONSENT)
    (await offline("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    (await offline("import", file)).ok()
    (await offline("build")).ok()
    before = samples.read_card(offline.home / "dataset")

    file = exported(tmp_path, *lines)
    full = (await offline("import", file, before=small_disk)).failed(1)
    assert full.err.startswith("The disk is full.")
    with closing(Archive(offline.home / "archive.db")) as archive:
        assert {message.id for message in archive.messages(ALMA)} >= set(range(1, 51))
    (await offline("import", file)).ok()
    with closing(Archive(offline.home / "archive.db")) as archive:
        assert [message.id for message in archive.messages(ALMA)] == list(range(1, 3_001))

    full = (await offline("build", before=small_disk)).failed(1)
    assert full.err.startswith("The disk is full.")
    assert samples.read_card(offline.home / "dataset") == before
    assert (await offline("build", "--json")).ok().json["messages"] == 3_000
