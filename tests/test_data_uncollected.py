"""The search for cycles that a command puts off until it is loaded."""

import atexit
import gc
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from bot.waking import Waking
from data import uncollected
from tests import training_models as models
from training import model

Usual = tuple[int, int, int]


@pytest.fixture
def usual() -> Iterator[Usual]:
    """How often it comes otherwise; it has been put off."""
    before = gc.get_threshold()
    uncollected.put_off()
    yield before
    uncollected.loaded()
    gc.unfreeze()
    atexit.unregister(gc.freeze)
    gc.set_threshold(*before)


def test_what_is_put_off_comes_back_once_all_is_loaded_and_leaves_out_what_was_there(usual: Usual) -> None:
    assert gc.get_threshold() == (uncollected.SELDOM, *usual[1:])
    assert gc.isenabled(), "seldom, not never"
    uncollected.loaded()
    assert gc.get_threshold() == usual
    frozen = gc.get_freeze_count()
    assert frozen > 0
    gc.unfreeze()
    uncollected.loaded()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, 0), "nothing was put off any more"


def test_it_comes_back_with_a_model(usual: Usual, tmp_path: Path) -> None:
    tiny = models.tiny()
    tiny.causal.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    model.load(str(tmp_path / "model"), tmp_path, "none")
    assert gc.get_threshold() == usual


def test_it_comes_back_in_a_client_whose_model_is_elsewhere_or_missing(usual: Usual) -> None:
    ended = Event()

    def missing() -> tuple[None, None]:
        raise ConnectionError

    Waking(missing, lambda _: ended.set()).begin()  # type: ignore[arg-type]
    assert ended.wait(60)
    assert gc.get_threshold() == usual
