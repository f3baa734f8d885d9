"""The benchmark of `forget` and `wipe`, in small: the real commands run, and what they remove is gone."""

import subprocess
import sys

import pytest

from bench import forget


def test_what_the_benchmark_forgets_and_wipes_leaves_no_trace_in_any_file() -> None:
    figures = forget.measured(8000)
    assert figures["traces"] == 0
    assert figures["seconds"] >= figures["seconds_wipe"] > 0


@pytest.mark.parametrize("name", ["build", "forget"])
def test_a_benchmark_says_what_it_does_when_asked_for_help(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", "--help"], capture_output=True, text=True, check=True)
    assert "messages" in done.stdout
    assert not done.stderr
