"""Two processes make what one makes: from both ends, nothing twice, and what one leaves undone the other makes."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from tests import training_models as models
from tests.terminal import PATIENCE
from training import crew, machine
from training.crew import Part, Told
from training.pieces import Pieces

FIRST = "first"


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)


def made(folder: Path, me: int, name: str, told: Told) -> None:
    """A part; its piece says who made it, and what was there before."""
    helping = os.getpid() != me
    if name == FIRST and not helping:
        wait_for(folder / "free.json")
        time.sleep(0.2)  # who does not wait is ahead now
    if name == "one":
        wait_for(folder / "fatal")
    if name == "two" and helping:
        (folder / "fatal").touch()
        os._exit(1)
    told(0.5)
    there = [path.stem for path in folder.glob("*.json")]
    Pieces(folder, "key").get(name, lambda: ["helper" if helping else "this", FIRST in there])


def parts(folder: Path, me: int) -> list[Part]:
    named = {FIRST: False, "one": True, "two": True, "three": True, "free": False}
    return [Part(name, 0.2, partial(made, folder, me, name), later) for name, later in named.items()]


@pytest.fixture
def threads() -> Iterator[int]:
    """Enough of them for a helper, whatever ran here before."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def test_a_helper_begins_at_the_other_end_waits_for_what_it_needs_and_may_be_lost(tmp_path: Path, threads: int) -> None:
    seen: list[tuple[float, str]] = []
    anew = partial(parts, tmp_path, os.getpid())
    crew.make(anew(), lambda share, words: seen.append((share, words)), anew)
    assert {
        name: Pieces(tmp_path, "key").get(name, lambda: None) for name in (FIRST, "one", "two", "three", "free")
    } == {
        FIRST: ["this", False],
        "one": ["this", True],
        "two": ["this", True],
        "three": ["helper", True],
        "free": ["helper", False],
    }
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert {words for _, words in seen} == {FIRST, "one", "two", "three", "free"}
    assert not multiprocessing.active_children()
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("threads")
def test_who_is_interrupted_leaves_no_helper_behind(tmp_path: Path) -> None:
    helpers: list[object] = []

    def interrupt(share: float, words: str) -> None:
        helpers.extend(multiprocessing.active_children())
        raise KeyboardInterrupt

    anew = partial(parts, tmp_path, os.getpid())
    with pytest.raises(KeyboardInterrupt):
        crew.make(anew(), interrupt, anew)
    assert len(helpers) == 1
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("threads", "free", "suits"), [(2, 4 << 30, True), (1, 4 << 30, False), (2, 2 << 30, False)])
def test_a_helper_wants_threads_and_memory(
    threads: int, free: int, suits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(machine, "free_memory", lambda: free)
    assert crew.suits(models.tiny()) == suits
