"""The home folder: private from its first moment, never in the checkout, and one process on the login at a time."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.home import Home, _locked
from data.errors import ExitCode, UserError

ROOT = Path(__file__).resolve().parents[1]


def test_a_new_home_is_closed_to_others_and_an_open_one_is_closed(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Home.at(tmp_path / "a" / "home")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a" / "home").stat().st_mode) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    Home.at(tmp_path / "open")
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o700


def test_a_folder_of_other_files_is_no_home_and_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir(mode=0o755)
    (tmp_path / "photos" / "lake.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="other files") as caught:
        Home.at(tmp_path / "photos")
    assert caught.value.code is ExitCode.CONFIGURATION
    assert stat.S_IMODE((tmp_path / "photos").stat().st_mode) == 0o755
    (tmp_path / "photos" / "archive.db").write_bytes(b"")
    Home.at(tmp_path / "photos")


@pytest.mark.parametrize("where", ["", "home", "data/home", "tests/../home"])
def test_a_home_in_the_checkout_is_refused_before_it_is_made(where: str) -> None:
    path = (ROOT / where).resolve()
    existed = path.exists()
    with pytest.raises(UserError) as caught:
        Home.at(path)
    assert caught.value.code is ExitCode.CONFIGURATION
    assert path.exists() == existed


def test_a_home_that_leads_into_the_checkout_by_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    with pytest.raises(UserError):
        Home.at(tmp_path / "link" / "home")
    assert not (ROOT / "home").exists()


def test_a_home_that_cannot_be_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        Home.at(tmp_path / "file" / "home")
    assert caught.value.code is ExitCode.CONFIGURATION


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    key = home.key()
    assert len(key) == 32
    assert home.key() == key
    assert stat.S_IMODE((home.path / "surrogates.key").stat().st_mode) == 0o600
    assert Home.at(tmp_path / "other").key() != key


def test_a_key_that_is_cut_off_is_an_error_and_not_a_weak_key(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (home.path / "surrogates.key").write_bytes(b"")
    with pytest.raises(UserError):
        home.key()


def test_only_one_process_holds_the_login_and_the_other_is_named(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    script = f"""
import sys, pathlib
sys.path.insert(0, {str(ROOT)!r})
from bot.home import Home
with Home.at(pathlib.Path({str(home.path)!r})).holding_login("pull"):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        assert home.is_held()
        with pytest.raises(UserError, match="doppelgram pull"), home.holding_login("run"):
            pass
        assert (home.path / "login.lock").read_text() == "doppelgram pull", "looking does not rub out the name"
        other.kill()
        other.wait()
    assert not home.is_held(), "a killed process holds nothing"
    with home.holding_login("run"):
        assert stat.S_IMODE((home.path / "login.lock").stat().st_mode) == 0o600


def test_a_lock_that_was_deleted_with_its_home_is_not_taken_for_held(tmp_path: Path) -> None:
    """Who waited for `wipe` must not go on in a home that is gone."""
    home = Home.at(tmp_path / "home")
    with (home.path / "train.lock").open("a+") as waiting:
        assert _locked(waiting)
        (home.path / "train.lock").unlink()
        assert not _locked(waiting)


def test_asking_whether_the_login_is_held_does_not_hold_it_up(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert not home.is_held()
    assert not (home.path / "login.lock").exists(), "looking makes no files"
