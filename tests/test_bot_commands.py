"""The road as a person walks it, process after process: pull, build, forget, wipe, and what may interrupt it."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.commands import privacy
from bot.home import LOCKS, Home
from bot.livedb import LiveDb
from bot.policy import Policy
from bot.settings import LiveSettings
from bot.suggestion import State
from bot.unlock import OFFERS
from data.errors import UserError
from sandbox.box import Post
from sandbox.folder import Folder
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, small_town
from tests.terminal import Terminal, agrees, ended, everything_in, suggest, until


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


def chatter(sandbox: Sandbox, count: int, text: str = "and then {}") -> None:
    """Alma wrote a lot."""
    start = sandbox.town.clock.now()
    sandbox.town.remember(
        Post(ALMA, sandbox.town.owner_id, start + timedelta(seconds=n), text.format(n)) for n in range(count)
    )


# --- consent first


async def test_nothing_is_pulled_or_built_without_consent(terminal: Terminal, sandbox: Sandbox) -> None:
    assert "consent grant" in (await terminal("pull", "Alma Reyes")).failed(7).err
    assert "consent grant" in (await terminal("pull", "--all")).failed(7).err
    assert "consent grant" in (await terminal("build")).failed(7).err
    assert "not a person" in (await terminal("pull", "Weather")).failed(1).err
    folder = (await terminal("pull", "folder:Work")).failed(1).err
    assert "no folder called Work" in folder
    assert "You have none there" in folder
    sandbox.town.boxes[sandbox.town.owner_id].folders[2] = Folder(2, "Work", include=(ALMA, BRUNO))
    for more in ((), ("--dry-run",)):
        assert "No chat has a consent on record" in (await terminal("pull", "folder:Work", *more)).failed(7).err
    (await terminal("consent", "grant", "Carla", "--scope", "own")).ok()
    for more in ((), ("--dry-run",)):
        nothing = (await terminal("pull", "folder:Work", *more)).ok().err
        assert "Skipped without a consent: 2 chats." in nothing
        assert "Next: doppelgram consent grant" in nothing
        assert "doppelgram build" not in nothing
    assert sandbox.journal.calls["GetHistoryRequest"] == 0


async def test_pull_all_takes_the_consented_and_counts_the_others(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal("consent", "grant", "Bruno Okafor", "--scope", "own")).ok()
    planned = (await terminal("pull", "--all", "--dry-run", "--json")).ok().json
    assert (planned["chats"], planned["skipped_without_consent"]) == (1, 3), "two people and a group"
    assert [row["id"] for row in planned["would_pull"]] == [BRUNO]
    assert sandbox.journal.calls["GetHistoryRequest"] == 0, "a dry run reads no history"
    report = (await terminal("pull", "--all", "--json")).ok().json
    wanted = {"chats", "skipped_without_consent", "new", "edited", "deleted", "seconds", "messages_per_second"}
    assert wanted | {"requests", "flood_waits"} <= report.keys()
    assert (report["chats"], report["skipped_without_consent"], report["new"]) == (1, 3, 12)
    again = (await terminal("pull", "@brunookafor", "--json")).ok().json
    assert (again["new"], again["edited"], again["deleted"], again["requests"]) == (0, 0, 0, 2)
    assert agrees(terminal, BRUNO)


async def test_since_must_be_a_day_and_holds_older_messages_back(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    assert "2024-01-31" in (await terminal("pull", "--all", "--since", "yesterday")).failed(2).err
    assert (await terminal("pull", "--all", "--since", "2999-01-01", "--json")).ok().json["new"] == 0
    assert (await terminal("pull", "--all", "--json")).ok().json["new"] == 145
    assert agrees(terminal, ALMA, BRUNO, CARLA)


async def test_build_then_train_asks_for_what_is_missing(terminal: Terminal) -> None:
    assert "doppelgram build" in (await terminal("train")).failed(1).err
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    assert "doppelgram pull" in (await terminal("build")).failed(1).err
    (await terminal("pull", "--all")).ok()
    report = (await terminal("build", "--json")).ok().json
    assert {"messages", "kept", "dropped", "samples", "turns", "tokens", "split"} <= report.keys()
    assert report["tokens"] is None, "the base model is not here, and building downloads nothing"
    assert report["tokens_estimated"] > 100
    assert report["messages"] == 145 == report["kept"] + sum(report["dropped"].values())
    assert {"train", "validation", "test"} <= report["split"].keys()
    assert (await terminal("build", "--json")).ok().json == report, "the same messages make the same dataset"
    assert (await terminal("status", "--json")).json["next"] == "doppelgram train"
    (await terminal("consent", "revoke", "Alma Reyes")).ok()
    assert "doppelgram build" in (await terminal("train")).failed(7).err
    assert "no adapter" not in (await terminal("evaluate")).failed(7).err


async def test_build_shows_a_sample_with_what_is_learned_marked(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("pull", "--all")).ok()
    shown = (await terminal("build", "--show", "Bruno Okafor")).ok().out.splitlines()
    assert shown[:2] == ["system", shown[1]]
    assert shown[1].startswith("  You are texting on Telegram.")
    learned = [line for line in shown if line.startswith("  ⟦")]
    assert learned
    assert not any("[short" in line for line in learned), "the other side is never learned"
    sample = (await terminal("build", "--show", "Bruno Okafor", "--json")).ok().json["sample"]
    assert [text for role, text, of_loss in sample if of_loss]
    assert all(role == "assistant" for role, text, of_loss in sample if of_loss)
    assert "no chat called" in (await terminal("build", "--show", "Nobody")).failed(1).err
    (await terminal("consent", "revoke", "Bruno Okafor")).ok()
    assert "nothing of" in (await terminal("build", "--show", "Bruno Okafor")).failed(1).err


# --- interruptions


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_a_pull_that_is_stopped_in_the_middle_goes_on_and_loses_nothing(
    terminal: Terminal, sandbox: Sandbox, how: signal.Signals
) -> None:
    chatter(sandbox, 450)
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    first, second = sandbox.faults.hold("GetHistory"), sandbox.faults.hold("GetHistory")
    process = await terminal.start("pull", "Alma Reyes", "--json")
    await first.reached.wait()
    first.release()
    await second.reached.wait()
    meanwhile = (await terminal("pull", "--all")).failed(1)
    assert "doppelgram pull" in meanwhile.err, "the other command that has the login is named"
    assert (await terminal("status", "--json")).ok().json["messages"] == 100
    process.send_signal(how)
    stopped = await ended(process)
    second.release()
    if how is signal.SIGINT:
        assert (stopped.code, stopped.out) == (130, "")
        assert "Stopped. Run the same command to go on." in stopped.err
        assert "Traceback" not in stopped.err
    with closing(sqlite3.connect(terminal.home / "archive.db")) as archive:
        assert archive.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    report = (await terminal("pull", "--all", "--json")).ok().json
    assert report["new"] == 145 + 450 - 100, "what was there is not fetched again"
    assert agrees(terminal, ALMA, BRUNO, CARLA)


async def test_ctrl_c_at_a_question_ends_the_login_and_leaves_none(tmp_path: Path, sandbox: Sandbox) -> None:
    shell = Terminal(tmp_path, sandbox)
    phone = sandbox.town.owner.phone or ""
    process = await shell.start("login", "--phone", f"+{phone}")
    await until(lambda: phone in sandbox.codes)
    process.send_signal(signal.SIGINT)
    assert (await process.wait()) == 130
    assert process.stderr
    assert "Traceback" not in (await process.stderr.read()).decode()
    assert not list(shell.home.glob("*.session*"))


async def test_a_long_flood_wait_has_its_own_exit_code(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    sandbox.faults.flood("GetHistory", 3600)
    assert "wait until" in (await terminal("pull", "--all")).failed(6).err


async def test_a_full_disk_is_a_sentence_and_nothing_is_lost(terminal: Terminal, sandbox: Sandbox) -> None:
    """No file of the process may grow past a limit: for the program it is as if the disk were full."""
    chatter(sandbox, 800, "a rather long line, so that the archive grows past what this disk has room for: {}")
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("pull", "Bruno Okafor")).ok()

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))

    failed = await terminal("pull", "--all", before=small_disk)
    assert "disk" in failed.failed(1).err
    assert "Traceback" not in failed.err
    assert agrees(terminal, BRUNO)
    (await terminal("pull", "--all")).ok()
    assert agrees(terminal, ALMA, BRUNO, CARLA)


async def test_a_damaged_archive_is_a_sentence_everywhere(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("pull", "--all")).ok()
    archive = terminal.home / "archive.db"
    whole = archive.read_bytes()
    for where in (0, 4096 * 3):
        archive.write_bytes(whole[:where] + b"\xff" * 4096 * 4 + whole[where + 4096 * 4 :])
        doctor = (await terminal("doctor", "--json")).failed(5)
        assert [check["name"] for check in doctor.json["checks"] if not check["ok"]] == ["archive"]
        (await terminal("build")).failed(1)
        for words in (("status",), ("pull", "--all"), ("chats",), ("forget", "Alma Reyes", "--yes")):
            shown = await terminal(*words)
            assert "Traceback" not in shown.err, words
            assert shown.code in (0, 1), words


# --- private by construction


async def test_every_file_is_the_owners_alone_whatever_the_umask(tmp_path: Path, sandbox: Sandbox) -> None:
    shell = Terminal(tmp_path / "open", sandbox)
    before = os.umask(0)
    try:
        (await shell.login()).ok()
        (await shell("consent", "grant", "--all", "--scope", "own")).ok()
        (await shell("pull", "--all")).ok()
        (await shell("build")).ok()
        (await shell("chats", "set", "Carla", "--mode", "draft")).ok()
    finally:
        os.umask(before)
    for path in (shell.home, *shell.home.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert next(c for c in (await shell("doctor", "--json")).json["checks"] if c["name"] == "home folder")["ok"]
    (shell.home / "archive.db").chmod(0o644)
    doctor = (await shell("doctor", "--json")).failed(5)
    assert next(c for c in doctor.json["checks"] if c["name"] == "home folder")["fix"].startswith("chmod")


async def test_forget_leaves_no_word_of_the_chat_in_any_file(terminal: Terminal, sandbox: Sandbox) -> None:
    marks = [f"zebrawood-{n}" for n in range(300)]
    for mark in marks:
        await sandbox.say(ALMA, sandbox.town.owner_id, f"my secret is {mark}")
        await sandbox.say(sandbox.town.owner_id, ALMA, f"{mark}? noted")
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    (await terminal("pull", "--all")).ok()
    (await terminal("build")).ok()
    suggest(terminal.home, ALMA, "about zebrawood-live")
    suggest(terminal.home, BRUNO, "about bruno")
    assert b"zebrawood" in everything_in(terminal.home)
    planned = (await terminal("forget", "Alma Reyes", "--yes", "--json")).ok().json
    assert planned["removed"]["messages"] == 730
    assert planned["removed"]["suggestions"] == 1
    assert planned["removed"]["dataset"]
    left = everything_in(terminal.home)
    assert b"zebrawood" not in left
    assert b"about bruno" in left, "the other chats are untouched"
    assert agrees(terminal, BRUNO, CARLA)
    assert not (terminal.home / "dataset").exists()
    assert (await terminal("forget", str(ALMA), "--yes", "--json")).ok().json["removed"]["messages"] == 0, (
        "twice is once"
    )
    assert (await terminal("consent", "list", "--json")).json[-1]["revoked_at"], "and its consent has ended"
    (await terminal("pull", str(ALMA))).failed(7)


async def test_forget_takes_what_a_killed_build_left_behind(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "Alma Reyes", "--scope", "own")).ok()
    (await terminal("pull", "--all")).ok()
    (await terminal("build")).ok()
    unfinished = terminal.home / "dataset" / "unfinished"
    unfinished.mkdir(mode=0o700)
    (unfinished / "unsorted").write_text("zebrawood")  # of whichever chat: its card was never written
    (await terminal("forget", "Bruno Okafor", "--yes")).ok()
    assert b"zebrawood" not in everything_in(terminal.home)


async def test_wipe_leaves_nothing_and_ends_the_login_on_the_server(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    (await terminal("pull", "--all")).ok()
    (await terminal("build")).ok()
    (await terminal("chats", "set", "Carla", "--mode", "draft")).ok()
    suggest(terminal.home, CARLA, "hi")
    (terminal.home / "holiday.jpg").write_bytes(b"not ours")
    (await terminal("wipe")).failed(2)
    assert (terminal.home / "archive.db").exists()
    done = (await terminal("wipe", "--yes", "--json")).ok().json
    assert (done["left"], done["login_ended"]) == (["holiday.jpg"], True)
    assert [path.name for path in terminal.home.iterdir()] == ["holiday.jpg"]
    assert "logout" in [event.kind for event in sandbox.journal.events]
    (terminal.home / "holiday.jpg").unlink()
    (await terminal("wipe", "--yes")).ok()
    assert not terminal.home.exists()


async def test_wipe_holds_every_lock_until_nothing_is_left_but_the_locks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What wipe deletes is looked at while it deletes: nobody else can begin in that home meanwhile."""
    home = Home.at(terminal.home)
    holdings = (home.holding_login, home.holding_training, home.holding_measuring)
    refused: list[str] = []

    def look(path: Path, missing_ok: bool = False) -> None:
        for holding in holdings if path.name not in LOCKS else ():
            with pytest.raises(UserError, match="doppelgram wipe"), holding("pull"):
                pass
        refused.append(path.name)
        unlink(path, missing_ok)

    unlink = Path.unlink
    for name, value in terminal.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "unlink", look)
    await asyncio.to_thread(privacy.wipe, yes=True, as_json=True)
    assert "archive.db" in refused
    assert not terminal.home.exists()


async def test_wipe_works_when_telegram_cannot_be_reached_and_says_so(terminal: Terminal, sandbox: Sandbox) -> None:
    await sandbox.stop()
    done = (await terminal("wipe", "--yes", "--json")).ok().json
    assert done["login_ended"] is False
    assert not terminal.home.exists()


async def test_wipe_refuses_while_another_command_has_the_login(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    hold = sandbox.faults.hold("GetHistory")
    process = await terminal.start("pull", "--all")
    await hold.reached.wait()
    assert "doppelgram pull" in (await terminal("wipe", "--yes")).failed(1).err
    status = (await terminal("status", "--json")).ok().json
    assert (status["running"], status["busy"]) == (False, "doppelgram pull")
    hold.release()
    (await ended(process)).ok()
    assert agrees(terminal, ALMA, BRUNO, CARLA)
    messages = (await terminal("status", "--json")).ok().json["messages"]
    (await terminal("consent", "revoke", str(BRUNO))).ok()
    status = (await terminal("status", "--json")).ok().json
    assert (status["consented"], status["busy"]) == (2, None)
    assert status["messages"] == messages - len(sandbox.town.boxes[sandbox.town.owner_id].by_peer[BRUNO])


# --- what the owner decides


async def test_revoking_cancels_what_waits_and_switches_off_at_once(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "Alma Reyes", "--scope", "chat")).ok()
    (await terminal("chats", "set", "Alma Reyes", "--mode", "ask")).ok()
    suggest(terminal.home, ALMA, "on my way")
    found = (await terminal("status", "--json")).json
    assert (found["pending"], found["limited_until"]) == (1, None)
    assert found["waiting"] == [{"id": ALMA, "title": "Alma Reyes", "suggestions": 1, "messages": 0, "bubbles": 0}]
    with closing(LiveDb(terminal.home / "live.db")) as live:
        Policy(live, LiveSettings()).limit(datetime.now(UTC) + timedelta(hours=3))
    shown = (await terminal("status")).ok().err
    assert "Waiting in Alma Reyes: 1 suggestion." in shown
    assert "Telegram limits this account: nothing is automatic until" in shown
    assert (await terminal("consent", "revoke", "Alma Reyes", "--json")).ok().json["cancelled"] == 1
    status = (await terminal("status", "--json")).json
    assert (status["pending"], status["mode_counts"], status["consented"]) == (0, {"off": 1}, 0)
    assert status["waiting"] == []


async def test_twenty_decisions_with_four_in_five_accepted_unlock_auto(terminal: Terminal) -> None:
    for number in range(OFFERS):
        suggest(terminal.home, ALMA, f"reply {number}", State.APPROVED if number % 5 else State.SKIPPED)
    (await terminal("chats", "set", "Alma Reyes", "--mode", "auto")).ok()
    suggest(terminal.home, ALMA, "one more", State.SKIPPED)
    (await terminal("chats", "set", "Alma Reyes", "--mode", "auto")).failed(1)


async def test_try_and_run_need_the_other_sides_consent(terminal: Terminal) -> None:
    (await terminal("consent", "grant", "--all", "--scope", "own")).ok()
    assert "--scope chat" in (await terminal("try", "Alma Reyes", "hi")).failed(7).err
    assert "people only" in (await terminal("try", "Weather", "hi")).failed(1).err
