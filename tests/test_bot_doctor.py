"""The doctor: what it looks at, and that each failure comes with the one thing that mends it."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot import account, connection, doctor
from bot.demo.town import TownHall
from bot.desk import Desk
from bot.doctor import GPU_FIX, Check
from bot.home import Home
from bot.settings import ModelSettings, Settings, TelegramSettings
from data.errors import ExitCode, UserError


@pytest.fixture(scope="module")
def town() -> Iterator[TownHall]:
    with TownHall(invented=True) as running:
        yield running


@pytest.fixture
def server(town: TownHall) -> Iterator[TelegramSettings]:
    there = town.sandbox
    yield TelegramSettings(server=there.address, server_dc=there.dc, server_key=there.public_key)
    there.faults.clock_ahead = there.faults.unproved_exchanges = 0


def examine(path: Path, **settings: Any) -> dict[str, Check]:
    given: dict[str, Any] = {"api_id": 1, "api_hash": SecretStr("s3cr3t"), "model": ModelSettings(base="smollm2")}
    made = Settings(home=path, **(given | settings))
    return {check.name: check for check in doctor.examine(Desk(made, Home.at(path)))}


def test_a_ready_machine_passes_every_check(tmp_path: Path, server: TelegramSettings) -> None:
    checks = examine(tmp_path / "home", telegram=server)
    assert [check for check in checks.values() if not check.ok] == []


def test_what_is_not_set_is_named_with_the_place_where_it_comes_from(tmp_path: Path) -> None:
    checks = examine(tmp_path / "home", api_id=None, api_hash=None)
    assert not checks["settings"].ok
    assert "my.telegram.org" in checks["settings"].fix
    assert checks["server"].ok, "without settings nobody is asked"


def test_a_server_that_does_not_answer_is_found_out_quickly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        checks = examine(tmp_path / "home", telegram=TelegramSettings(server=address))
    assert not checks["server"].ok
    assert address in checks["server"].detail


@pytest.mark.parametrize(("ahead", "words"), [(3600, "behind the server"), (-3600, "ahead of the server")])
def test_a_clock_that_differs_from_the_servers_is_found(
    tmp_path: Path, town: TownHall, server: TelegramSettings, ahead: int, words: str
) -> None:
    assert examine(tmp_path / "home", telegram=server)["clock"].detail == "right"
    town.sandbox.faults.clock_ahead = ahead
    check = examine(tmp_path / "home", telegram=server)["clock"]
    assert not check.ok
    assert words in check.detail
    assert "NTP" in check.fix


def test_a_key_exchange_that_fails_by_chance_is_made_again(
    tmp_path: Path, town: TownHall, server: TelegramSettings
) -> None:
    town.sandbox.faults.unproved_exchanges = 2
    assert examine(tmp_path / "home", telegram=server)["clock"] == Check("clock", True, "right", account.CLOCK_FIX)
    assert town.sandbox.faults.unproved_exchanges == 0, "they were met"


def test_a_server_that_never_proves_its_key_is_told_with_what_to_do(
    tmp_path: Path, town: TownHall, server: TelegramSettings
) -> None:
    town.sandbox.faults.unproved_exchanges = 99
    check = examine(tmp_path / "home", telegram=server)["clock"]
    assert not check.ok
    assert "no secure connection" in check.detail
    assert "SERVER_KEY" in check.fix


class LongAgo(Desk):
    """What a machine without a battery believes when it wakes up."""

    @property
    def now(self) -> datetime:
        return datetime(1970, 1, 1, 0, 3, tzinfo=UTC)


async def test_with_a_clock_of_before_telegram_nothing_is_asked_and_the_doctor_says_why(
    tmp_path: Path, town: TownHall, server: TelegramSettings
) -> None:
    settings = Settings(home=tmp_path / "home", api_id=1, api_hash=SecretStr("s3cr3t"), telegram=server)
    desk = LongAgo(settings, Home.at(tmp_path / "home"))
    asked = len(town.sandbox.journal.requests)
    with pytest.raises(UserError, match="1970") as told:
        async with connection.logged_in(desk):
            pass
    assert told.value.code is ExitCode.PREFLIGHT
    assert len(town.sandbox.journal.requests) == asked
    (clock,) = (check for check in doctor.examine(desk) if check.name == "clock")
    assert (clock.ok, clock.fix) == (False, told.value.hint)


def test_without_a_gpu_training_runs_on_the_cpu_and_with_one_it_is_named(
    tmp_path: Path, server: TelegramSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "CPU" in examine(tmp_path / "home", telegram=server)["gpu"].detail
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA Test, 24576 MiB'\n")
    tool.chmod(0o755)
    assert examine(tmp_path / "home", telegram=server)["gpu"] == Check("gpu", True, "NVIDIA Test, 24576 MiB", GPU_FIX)
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert not examine(tmp_path / "home", telegram=server)["gpu"].ok


def test_a_disk_without_room_for_a_training_is_named(
    tmp_path: Path, server: TelegramSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "NEEDED_BYTES", 1 << 62)
    check = examine(tmp_path / "home", telegram=server)["disk"]
    assert (check.ok, "DOPPELGRAM_HOME" in check.fix) == (False, True)
    assert check.detail.endswith("GiB free")


def test_files_that_others_can_read_are_named(tmp_path: Path, server: TelegramSettings) -> None:
    home = Home.at(tmp_path / "home")
    home.key()
    home.dataset.mkdir(mode=0o700)
    (home.dataset / "train.jsonl").touch(mode=0o600)
    (home.dataset / "train.jsonl").chmod(0o640)
    check = examine(home.path, telegram=server)["home folder"]
    assert not check.ok
    assert "train.jsonl" in check.detail
    assert "chmod" in check.fix


@pytest.mark.parametrize(("file", "name"), [("archive", "archive"), ("live", "live store"), ("session", "login")])
def test_a_damaged_store_is_found(tmp_path: Path, server: TelegramSettings, file: str, name: str) -> None:
    home = Home.at(tmp_path / "home")
    getattr(home, file).touch(mode=0o600)
    getattr(home, file).write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    check = examine(home.path, telegram=server)[name]
    assert not check.ok
    assert check.fix


def test_a_base_model_that_is_not_there_is_found(tmp_path: Path, server: TelegramSettings) -> None:
    (tmp_path / "model").mkdir()
    checks = examine(tmp_path / "home", telegram=server, model=ModelSettings(base=str(tmp_path / "model")))
    assert not checks["base model"].ok
    (tmp_path / "model" / "model.safetensors").touch()
    checks = examine(tmp_path / "home", telegram=server, model=ModelSettings(base=str(tmp_path / "model")))
    assert checks["base model"].ok


def test_telemetry_of_the_libraries_is_off(tmp_path: Path, server: TelegramSettings) -> None:
    assert examine(tmp_path / "home", telegram=server)["telemetry"].ok


def test_no_check_shows_the_api_hash(tmp_path: Path, server: TelegramSettings) -> None:
    checks = examine(tmp_path / "home", telegram=server)
    assert not any("s3cr3t" in f"{check}" for check in checks.values())
