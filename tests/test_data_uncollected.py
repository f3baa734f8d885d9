"""The search for cycles that a command puts off until it is loaded."""

import atexit
import gc

from data import uncollected


def test_what_is_put_off_comes_back_once_all_is_loaded_and_leaves_out_what_was_there() -> None:
    before = gc.get_threshold()
    try:
        uncollected.loaded()
        assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0), "nothing was put off"
        uncollected.put_off()
        assert gc.get_threshold() == (uncollected.SELDOM, *before[1:])
        assert gc.isenabled(), "seldom, not never"
        uncollected.loaded()
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        atexit.unregister(gc.freeze)
        gc.set_threshold(*before)
