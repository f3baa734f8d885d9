"""What docs/deployment.md tells people to install is what its service manager understands."""

import os
import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ANALYZE = shutil.which("systemd-analyze")
EXPOSED = 2.5
"""Of 10; the rating that the unit may have at most."""


def block(kind: str) -> str:
    """The one block of this kind in the page."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", (ROOT / "docs/deployment.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit in a home where its program lies."""
    program = tmp_path / "doppelgram/.venv/bin/doppelgram"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    path = tmp_path / "doppelgram.service"
    path.write_text(block("ini"))
    return path


def analyze(unit: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    assert ANALYZE
    environment = os.environ | {"HOME": str(unit.parent), "XDG_RUNTIME_DIR": str(unit.parent), "SYSTEMD_COLORS": "0"}
    return subprocess.run([ANALYZE, *words, str(unit)], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.system
@pytest.mark.skipif(ANALYZE is None, reason="install it with: apt-get install systemd")
def test_systemd_understands_every_line_of_the_unit_and_rates_it_as_walled_in(unit: Path) -> None:
    verified = analyze(unit, "--user", "verify")
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = analyze(unit, "security", "--offline=yes")
    (rating,) = re.findall(r"Overall exposure level for doppelgram.service: ([\d.]+)", rated.stdout)
    assert float(rating) <= EXPOSED
    unit.write_text(unit.read_text().replace("UMask", "UMusk"))
    assert "UMusk" in analyze(unit, "--user", "verify").stderr, "it would notice a word that it does not know"


def test_the_unit_does_not_start_again_what_no_restart_mends() -> None:
    from data.errors import ExitCode

    words = re.findall(r"RestartPreventExitStatus=(.*)", block("ini"))[0].split()
    mended_by_a_restart = {ExitCode.OK, ExitCode.ERROR, ExitCode.FLOOD, ExitCode.INTERRUPTED}
    assert {ExitCode(int(word)) for word in words} == set(ExitCode) - mended_by_a_restart
    assert "StartLimitIntervalSec=0" in block("ini").splitlines(), "an hour without a network is no reason to give up"


def test_the_launchd_agent_is_a_property_list_that_keeps_it_running_and_private() -> None:
    agent = plistlib.loads(block("xml").encode())
    assert agent["ProgramArguments"][1:] == ["run", "--json"]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Umask"] == 0o077
