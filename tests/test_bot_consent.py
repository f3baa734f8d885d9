"""A consent that changes: what it no longer covers goes from every file, what it covers anew comes at the next pull."""

import random
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.request import text_in
from bot.suggestion import fingerprint
from data.archive import Archive
from data.consent import Ledger
from data.errors import ExitCode
from data.message import Message
from data.transcript import Scope
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, small_town
from tests.terminal import NOW, Ended, Terminal, agrees, ended, everything_in, suggest


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town()) as running:
        yield running
    assert not running.failures


@pytest_asyncio.fixture
async def terminal(tmp_path: Path, sandbox: Sandbox) -> Terminal:
    """A home that is logged in, without any consent."""
    shell = Terminal(tmp_path, sandbox)
    await shell.enter()
    return shell


async def test_a_narrower_consent_leaves_no_word_of_the_other_side_in_any_file(
    terminal: Terminal, sandbox: Sandbox
) -> None:
    for n in range(150):
        await sandbox.say(ALMA, sandbox.town.owner_id, f"my secret is zebrawood-{n}")
        await sandbox.say(sandbox.town.owner_id, ALMA, f"willow-{n}, noted")
    (await terminal("consent", "grant", "Alma Reyes", "Bruno Okafor", "--scope", "chat")).ok()
    (await terminal("pull", "--all")).ok()
    (await terminal("build")).ok()
    (await terminal("chats", "set", "Alma Reyes", "--mode", "ask")).ok()
    suggest(terminal.home, ALMA, "on my way")
    with closing(LiveDb(terminal.home / "live.db")) as live:
        assert Inbox(live, timedelta(0)).add(ALMA, 900, "zebrawood-1", NOW)
    assert fingerprint("zebrawood-1").encode() in everything_in(terminal.home)
    reports = terminal.home / "reports"
    reports.mkdir()
    (reports / "evaluation.html").write_text("they wrote zebrawood-1")
    unfinished = terminal.home / "adapters" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "checkpoint").write_text("learned from zebrawood-1")
    assert b"zebrawood" in everything_in(terminal.home)

    granted = (await terminal("consent", "grant", "Alma Reyes", "--scope", "own", "--json")).ok()

    assert granted.err == "", "nor is a progress bar shown without a terminal"
    assert (granted.json["masked"], granted.json["dataset"]) == ([ALMA], True)
    left = everything_in(terminal.home)
    assert b"zebrawood" not in left
    assert fingerprint("zebrawood-1").encode() not in left
    assert b"willow-149, noted" in left, "the owner's own words stay"
    assert agrees(terminal, BRUNO), "and so do the other chats"
    status = (await terminal("status", "--json")).json
    assert (status["pending"], status["mode_counts"]) == (0, {"off": 1})
    (await terminal("build")).ok()
    assert b"zebrawood" not in everything_in(terminal.home)


@pytest.mark.parametrize("seed", [1, 37])
async def test_a_masked_text_leaves_no_copy_in_the_archives_file(terminal: Terminal, seed: int) -> None:
    # Rows that SQLite moved between its pages while the tree grew: without a rewrite these seeds leave a copy behind.
    rng = random.Random(seed)
    with closing(Archive(terminal.home / "archive.db")) as archive:
        for chat in (ALMA, BRUNO):
            Ledger(archive).grant(chat, Scope.CHAT, "test", "test", NOW)
        rows = [
            Message(chat, n, False, NOW, f"mark{chat}z" + rng.randbytes(rng.choice([1, 20, 200, 1500, 4500])).hex())
            for n, chat in enumerate(rng.choices([ALMA, BRUNO], k=300), 1)
        ]
        rng.shuffle(rows)
        for start in range(0, len(rows), 100):
            archive.save(rows[start : start + 100])
    (await terminal("consent", "grant", "Alma Reyes", "--scope", "own")).ok()
    left = everything_in(terminal.home)
    assert left.count(f"mark{ALMA}z".encode()) == 0
    assert left.count(f"mark{BRUNO}z".encode()) >= sum(row.dialog_id == BRUNO for row in rows)


async def test_after_a_wider_consent_the_chat_is_pulled_again_with_its_texts(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("pull", "--all")).ok()
    assert agrees(terminal, ALMA, BRUNO)
    wider = (await terminal("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    assert f"doppelgram pull {ALMA}" in wider.err
    report = (await terminal("pull", "--all", "--json")).ok().json
    assert (report["new"], report["edited"]) == (0, 87), "what the other side wrote, over its marks"
    assert agrees(terminal, ALMA, BRUNO)


async def test_a_consent_that_ends_during_a_pull_costs_the_other_chats_nothing(
    terminal: Terminal, sandbox: Sandbox
) -> None:
    (await terminal("consent", "grant", "Alma Reyes", "Bruno Okafor", "--scope", "chat")).ok()
    first, second = [
        row["id"] for row in (await terminal("pull", "--all", "--dry-run", "--json")).ok().json["would_pull"]
    ]
    pulled = await _revoked_in_flight(terminal, sandbox, first, "pull", "--all", "--json", pages=2)
    report = pulled.ok().json
    assert (report["chats"], report["skipped_without_consent"]) == (1, 3)
    assert "taken back meanwhile" in pulled.err
    assert agrees(terminal, second)
    assert _count(terminal, first) == 0
    (await terminal("consent", "grant", str(first), "--scope", "chat")).ok()
    named = await _revoked_in_flight(terminal, sandbox, first, "pull", str(first), str(second))
    assert "taken back meanwhile" in named.failed(7).err
    assert _count(terminal, first) == 0


async def _revoked_in_flight(terminal: Terminal, sandbox: Sandbox, chat: int, *words: str, pages: int = 1) -> Ended:
    """A pull whose first page of each chat is on its way when this chat's consent is taken back."""
    holds = [sandbox.faults.hold_answer("GetHistory") for _ in range(pages)]
    pulling = await terminal.start(*words)
    for hold in holds:
        await hold.reached.wait()
    (await terminal("consent", "revoke", str(chat))).ok()
    for hold in holds:
        hold.release()
    return await ended(pulling)


def _count(terminal: Terminal, chat: int) -> int:
    with closing(Archive(terminal.home / "archive.db")) as archive:
        return archive.count(chat)


def input_box(sandbox: Sandbox, contact_id: int) -> str:
    return str(sandbox.town.boxes[sandbox.town.owner_id].drafts[contact_id].text)


@pytest.mark.parametrize(
    ("own", "language"), [("wait for me and I will be there", "en"), ("я уже еду, что взять?", "ru")]
)
async def test_the_request_waits_in_the_input_box_in_the_language_of_that_chat_and_nothing_is_kept(
    terminal: Terminal, sandbox: Sandbox, own: str, language: str
) -> None:
    for _ in range(20):
        await sandbox.say(sandbox.town.owner_id, ALMA, own)
    sent = len(sandbox.journal.deliveries)
    asked = (await terminal("consent", "ask", "Alma Reyes", "--json")).ok().json
    assert (asked["id"], asked["language"]) == (ALMA, language)
    assert input_box(sandbox, ALMA) == asked["text"] == text_in(language)
    assert len(sandbox.journal.deliveries) == sent
    assert own.encode() not in everything_in(terminal.home)
    refused = (await terminal("consent", "ask", "Alma Reyes")).failed(ExitCode.ERROR)
    assert "already written" in refused.err
    assert input_box(sandbox, ALMA) == asked["text"]


async def test_the_language_of_a_request_can_be_chosen_and_must_be_known(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal("consent", "ask", "Bruno Okafor", "--language", "xx")).failed(ExitCode.USAGE)
    (await terminal("consent", "ask", "Bruno Okafor", "--language", "de")).ok()
    assert input_box(sandbox, BRUNO) == text_in("de")
