"""The contract of the command line, on real processes against a real server: what each verb says, and how it ends."""

import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot import cli
from data.archive import Archive
from data.message import Dialog, Kind
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, small_town
from tests.terminal import ROOT, Terminal, ended, until

PASSWORD = "correct horse"
KEYS = {
    "logged_in",
    "account",
    "messages",
    "chats",
    "consented",
    "samples",
    "adapter",
    "mode_counts",
    "paused",
    "pending",
}


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town()) as running:
        yield running
    assert not running.failures


@pytest.fixture
def terminal(tmp_path: Path, sandbox: Sandbox) -> Terminal:
    return Terminal(tmp_path, sandbox)


@pytest.fixture
def offline(tmp_path: Path) -> Terminal:
    """Nothing is set but the home folder."""
    return Terminal(tmp_path)


def seed(home: Path, *dialogs: Dialog) -> None:
    """An archive that knows these chats."""
    home.mkdir(mode=0o700, exist_ok=True)
    with closing(Archive(home / "archive.db")) as archive:
        archive.save_dialogs(dialogs)


def person(id: int, title: str, username: str | None = None, phone: str | None = None) -> Dialog:
    return Dialog(id, Kind.PRIVATE, title, username, phone, datetime(2026, 1, 1, tzinfo=UTC))


# --- help and shape


def _verbs() -> Iterator[tuple[str, ...]]:
    import typer.main

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))

    yield from walk(typer.main.get_command(cli.app), ())


def test_every_verb_and_every_option_has_help() -> None:
    import typer.main
    from typer.testing import CliRunner

    def command(path: tuple[str, ...]) -> Any:
        found: Any = typer.main.get_command(cli.app)
        for name in path:
            found = found.commands[name]
        return found

    for path in _verbs():
        shown = CliRunner().invoke(cli.app, [*path, "--help"])
        assert shown.exit_code == 0, path
        assert command(path).help, path
        for option in command(path).params:
            assert getattr(option, "help", None), (path, option.name)


def test_the_list_of_verbs_is_complete() -> None:
    assert sorted(cli.VERBS) == sorted(path[0] for path in _verbs() if len(path) == 1)


def test_the_readme_mentions_every_verb() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [verb for verb in cli.VERBS if not re.search(rf"doppelgram {verb}\b|`{verb}\b", text)] == []


def test_help_loads_neither_telethon_nor_torch_which_is_what_makes_it_quick() -> None:
    script = (
        "import sys; sys.argv = ['doppelgram', '--help']\n"
        "from bot.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'telethon', 'torch', 'transformers', 'numpy', 'starlette', 'uvicorn', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
        "import gc; from data.uncollected import SELDOM; assert gc.get_threshold()[0] == SELDOM"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stderr.strip() == "[]"
    assert "doppelgram" in shown.stdout


async def test_a_wrong_word_is_a_usage_error(offline: Terminal) -> None:
    assert (await offline("pul")).failed(2).out == ""
    assert (await offline("train", "--minutes", "soon")).failed(2).out == ""
    assert (await offline("chats", "set", "x", "--mode", "loud")).failed(2).out == ""


async def test_the_id_of_a_group_is_taken_as_it_is_printed(offline: Terminal) -> None:
    assert "-500100 is forgotten" in (await offline("forget", "-500100", "--yes")).ok().err
    for words in (
        ("chats", "set", "-500100", "--mode", "off"),
        ("consent", "grant", "--scope", "own", "-500100", "--how", "x"),
    ):
        assert "There is no chat called -500100" in (await offline(*words)).failed(1).err
    assert "No such option" in (await offline("forget", "-x")).failed(2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("consent grant Alma --scope everything", "'--scope': 'everything' is not one of 'own', 'chat'."),
        ("chats set Alma --mode loud", "'--mode': 'loud' is not one of 'off', 'draft', 'ask', 'auto'."),
        ("train --minutes soon", "'--minutes': it must be a number."),
        ("train --micro-batch-tokens 1.5", "'--micro-batch-tokens': it must be a whole number."),
    ],
)
def test_a_wrong_value_of_an_option_is_said_in_words_for_people(words: str, said: str) -> None:
    from typer.testing import CliRunner

    shown = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(cli.app, words.split())
    assert shown.exit_code == 2
    assert f"Invalid value for {said} " in shown.output, shown.output


async def test_no_color_leaves_no_escape_in_the_output(offline: Terminal) -> None:
    offline.settings["NO_COLOR"] = "1"
    shown = await offline("status")
    assert "\x1b" not in shown.out + shown.err


# --- before anything is there


async def test_bare_doppelgram_says_where_one_is_and_what_comes_next(offline: Terminal) -> None:
    for words in (("status", "--json"), ("--json",)):
        status = (await offline(*words)).ok().json
        assert status.keys() >= KEYS
        assert (status["logged_in"], status["next"]) == (False, "doppelgram login")
    shown = (await offline()).ok()
    assert "Next: doppelgram login" in shown.err
    assert not (offline.home / "archive.db").exists(), "looking makes no files"


async def test_without_an_api_id_every_verb_that_needs_telegram_says_where_to_get_one(offline: Terminal) -> None:
    for words in (("login", "--phone", "+15550100001"), ("pull", "--all"), ("run",)):
        failed = (await offline(*words)).failed(3)
        assert "DOPPELGRAM_API_ID" in failed.err
        assert "my.telegram.org" in failed.err


async def test_a_misspelt_setting_is_named(offline: Terminal) -> None:
    offline.settings["DOPPELGRAM_LIVE__DEBOUNCE"] = "1"
    assert "DOPPELGRAM_LIVE__DEBOUNCE" in (await offline("status")).failed(3).err


async def test_a_home_folder_inside_the_checkout_is_refused(offline: Terminal) -> None:
    inside = ROOT / "my-chats"
    offline.settings["DOPPELGRAM_HOME"] = str(inside)
    assert "DOPPELGRAM_HOME" in (await offline("status")).failed(3).err
    assert not inside.exists()


async def test_an_error_with_json_is_json_too(offline: Terminal) -> None:
    failed = (await offline("pull", "--all", "--json")).failed(3)
    assert failed.json.keys() == {"error", "hint"}


async def test_without_a_terminal_a_missing_value_names_its_flag(terminal: Terminal) -> None:
    assert "--phone" in (await terminal("login")).failed(2).err
    assert "--yes" in (await terminal("wipe")).failed(2).err
    assert "--scope" in (await terminal("consent", "grant", "Alma")).failed(2).err


async def test_an_unreachable_server_is_a_sentence(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        terminal.settings["DOPPELGRAM_TELEGRAM__SERVER"] = f"127.0.0.1:{taken.getsockname()[1]}"
        failed = (await terminal("login", "--phone", "+15550100001")).failed(1)
    assert "cannot be reached" in failed.err
    assert not (await terminal("status", "--json")).json["logged_in"]


async def test_a_server_setting_that_is_no_address_is_a_sentence(terminal: Terminal) -> None:
    terminal.settings["DOPPELGRAM_TELEGRAM__SERVER"] = "localhost"
    assert "host:port" in (await terminal("login", "--phone", "+1555")).failed(3).err


# --- logging in


async def test_login_by_code_from_a_line_then_chats_and_logout(terminal: Terminal, sandbox: Sandbox) -> None:
    assert (await terminal.login()).ok().json == {"user_id": sandbox.town.owner_id, "name": "Robin Vale"}
    again = (await terminal("login", "--phone", "+15550100001")).ok()
    assert "already" in again.err
    chats = (await terminal("chats", "--json")).ok().json
    kinds = {row["title"]: row["kind"] for row in chats}
    assert kinds["Alma Reyes"] == "private"
    assert {"bot", "group", "channel", "service", "deleted"} <= set(kinds.values())
    assert all(row["mode"] == "off" and row["consent"] is None for row in chats)
    (await terminal("logout")).ok()
    assert [event.kind for event in sandbox.journal.events].count("logout") == 1
    assert not (terminal.home / "account.session").exists()
    (await terminal("logout")).failed(4)
    (await terminal("pull", "--all")).failed(4)


async def test_a_code_that_is_wrong_three_times_ends_the_login_and_leaves_none(terminal: Terminal) -> None:
    failed = (await terminal.login(code="00000\n\n00000")).failed(4)
    assert "wrong 3 times" in failed.err
    assert failed.err.index("That code is wrong; 2 tries left.") < failed.err.index("That code is wrong; 1 try left.")
    assert not list(terminal.home.glob("*.session*"))


async def test_a_code_that_never_comes_is_an_error_and_no_silent_wait(terminal: Terminal) -> None:
    failed = (await terminal("login", "--phone", "+15550100001")).failed(2)
    assert "standard input" in failed.err


async def test_the_second_factor_is_the_second_line_and_three_wrong_ones_end_it(
    terminal: Terminal, sandbox: Sandbox
) -> None:
    sandbox.town.owner.password = PASSWORD
    wrong = (await terminal.login(passwords=("a", "", "c"))).failed(4)
    assert "password was wrong 3 times" in wrong.err
    assert wrong.err.index("That password is wrong; 2 tries left.") < wrong.err.index("password is wrong; 1 try left.")
    assert not list(terminal.home.glob("*.session*"))
    right = (await terminal.login(passwords=("a", PASSWORD))).ok()
    assert PASSWORD not in right.out + right.err


async def test_a_wrong_api_id_is_a_matter_of_configuration(terminal: Terminal) -> None:
    terminal.settings["DOPPELGRAM_API_ID"] = "1"
    failed = (await terminal("login", "--phone", "+15550100001")).failed(3)
    assert "my.telegram.org" in failed.err


async def test_login_by_qr_shows_a_link_and_waits_for_the_phone(terminal: Terminal, sandbox: Sandbox) -> None:
    process = await terminal.start("login", "--qr", "--json")
    await until(lambda: any(login.token for login in sandbox.logins.values()))
    await sandbox.accept_qr()
    done = (await ended(process)).ok()
    assert done.json["user_id"] == sandbox.town.owner_id
    assert "tg://login?token=" in done.err


async def test_a_login_that_the_phone_ended_is_noticed(terminal: Terminal, sandbox: Sandbox) -> None:
    await terminal.enter()
    sandbox.log_out(sandbox.town.owner_id)
    assert "doppelgram login" in (await terminal("chats", "--refresh")).failed(4).err
    status = (await terminal("status", "--json")).ok().json
    assert (status["logged_in"], status["next"]) == (False, "doppelgram login")
    checks = {check["name"]: check for check in (await terminal("doctor", "--json")).json["checks"]}
    assert (checks["login"]["ok"], checks["login"]["fix"]) == (False, "Run: doppelgram login")
    (await terminal.login()).ok()
    assert (await terminal("status", "--json")).ok().json["logged_in"]


async def test_a_phone_number_that_is_none_is_refused_before_anybody_is_asked(offline: Terminal) -> None:
    for word in ("hello", "+12", "@anna"):
        refused = (await offline("login", "--phone", word)).failed(2)
        assert f"{word} is no phone number" in refused.err


async def test_another_account_does_not_mix_with_the_archive(terminal: Terminal, sandbox: Sandbox) -> None:
    (await terminal.login()).ok()
    (await terminal("logout")).ok()
    sandbox.town.owner_id = ALMA
    failed = (await terminal.login()).failed(1)
    assert "Robin Vale" in failed.err
    assert not list(terminal.home.glob("*.session*"))


# --- names of chats


async def test_a_chat_is_named_by_id_username_phone_or_title(offline: Terminal) -> None:
    seed(offline.home, person(7, "Anna", "anna_k", "15550100999"), person(8, "Ben"))
    for name in ("7", "@Anna_K", "+1 555 0100-999", "Anna", "anna"):
        granted = (await offline("consent", "grant", name, "--scope", "own", "--json")).ok().json
        assert granted["granted"] == [7], name


async def test_a_name_that_fits_two_or_none_is_an_error_that_helps(offline: Terminal) -> None:
    seed(offline.home, person(7, "Anna", "anna_k"), person(8, "Anna"), person(9, "Benedict"))
    both = (await offline("log", "Anna")).failed(1)
    assert "@anna_k" in both.err
    assert "id 8" in both.err
    assert "Benedict" in (await offline("log", "Benedikt")).failed(1).err
    assert "--refresh" in (await offline("log", "Zoe")).failed(1).err


async def test_a_title_cannot_steer_the_terminal(offline: Terminal) -> None:
    seed(offline.home, person(7, "\x1b[31mAnna\x1b]0;gotcha\x07\u202egnp.exe"))
    for words in (("chats",), ("log", "7"), ("chats", "set", "7", "--mode", "draft"), ("log", "anna")):
        shown = await offline(*words)
        assert not set("\x1b\x07\u202e") & set(shown.out + shown.err), words


# --- consent and modes


async def test_consent_for_all_covers_people_only_and_never_the_other_side(
    terminal: Terminal, sandbox: Sandbox
) -> None:
    await terminal.enter()
    assert "--all" in (await terminal("consent", "grant", "--all", "--scope", "chat")).failed(2).err
    (await terminal("consent", "grant", "Bruno Okafor", "--scope", "chat", "--how", "he said yes in person")).ok()
    granted = (await terminal("consent", "grant", "--all", "--scope", "own", "--json")).ok().json
    assert sorted(granted["granted"]) == [ALMA, CARLA], "and a wider consent is not narrowed"
    rows = (await terminal("consent", "list", "--json")).ok().json
    assert {(row["id"], row["scope"]) for row in rows} == {(ALMA, "own"), (BRUNO, "chat"), (CARLA, "own")}
    assert {row["granted_by"] for row in rows} == {"Robin Vale"}
    for machine in ("Weather", "Harbour news"):
        assert "not a person" in (await terminal("consent", "grant", machine, "--scope", "chat")).failed(1).err
    alone = (await terminal("consent", "grant", "Sunday hike", "--scope", "chat")).failed(2)
    assert "each member agrees alone" in alone.err
    named = await terminal("consent", "grant", "Sunday hike", "--scope", "chat", "--member", "Bruno Okafor", "--json")
    assert named.ok().json["member"] == BRUNO
    rows = (await terminal("consent", "list", "--json")).ok().json
    assert [row["scope"] for row in rows if row["member"] == BRUNO] == ["chat"]
    (await terminal("consent", "revoke", "Sunday hike", "--member", "Bruno Okafor")).ok()
    assert (
        "Nobody called"
        in (await terminal("consent", "grant", "Sunday hike", "--scope", "chat", "--member", "Zed")).failed(1).err
    )


async def test_modes_are_set_for_people_and_say_when_they_stay_silent(terminal: Terminal) -> None:
    await terminal.enter()
    silent = (await terminal("chats", "set", "Carla", "--mode", "draft")).ok()
    assert "consent grant" in silent.err
    (await terminal("consent", "grant", "Carla", "--scope", "chat")).ok()
    assert not (await terminal("chats", "set", "Carla", "--mode", "ask", "--json")).ok().json["silent_without_consent"]
    locked = (await terminal("chats", "set", "Carla", "--mode", "auto")).failed(1)
    assert "20 with 80%" in locked.err
    assert "--force" in locked.err
    forced = (await terminal("chats", "set", "Carla", "--mode", "auto", "--force")).ok().err
    assert "It has not earned that: of 0 suggestions you sent 0 as they were." in forced
    assert "It lasts for 7 days." in forced
    assert "contacts" not in forced
    assert "people only" in (await terminal("chats", "set", "Weather", "--mode", "ask")).failed(1).err
    status = (await terminal("status", "--json")).ok().json
    assert (status["mode_counts"], status["consented"]) == ({"auto": 1}, 1)
    (await terminal("consent", "revoke", "Carla")).ok()
    assert (await terminal("status", "--json")).ok().json["mode_counts"] == {"off": 1}


async def test_pause_and_resume_are_seen_by_every_process(offline: Terminal) -> None:
    assert (await offline("pause", "--json")).ok().json == {"paused": True}
    assert (await offline("status", "--json")).ok().json["paused"]
    assert (await offline("resume", "--json")).ok().json == {"paused": False}
    assert not (await offline("status", "--json")).ok().json["paused"]
