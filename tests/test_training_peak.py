"""The peak that a training reports is its own."""

import os
import subprocess
import sys

from tests.terminal import ROOT

HELD = 400_000_000
CHILD = "from training import peak; print(peak.resident())"
PARENT = f"""
import subprocess, sys
held = bytearray(b"x") * {HELD}
print(subprocess.run([sys.executable, "-c", {CHILD!r}], capture_output=True, text=True, check=True).stdout)
"""


def test_a_process_does_not_count_what_the_one_that_started_it_held() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PARENT],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert 1_000_000 < int(shown.stdout) < HELD / 2
