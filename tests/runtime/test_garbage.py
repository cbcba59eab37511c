"""What Python need not look for garbage in."""

import gc
import sys

from rugtui.runtime.garbage import freeze_loaded, frozen_gc


def test_what_is_imported_is_not_looked_through():
    before = gc.get_freeze_count()
    try:
        with frozen_gc("a module that is not there"):
            assert not gc.isenabled()
            here: list[object] = []
            here.append(here)
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert not any(one is here for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_the_second_time_garbage_is_garbage():
    before = gc.get_freeze_count()
    with frozen_gc("sys"):
        assert "sys" in sys.modules
        assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_what_is_loaded_later_is_not_looked_through_either():
    freeze_loaded()
    assert gc.get_freeze_count() == 0  # nobody froze what came first
    try:
        gc.freeze()
        here: list[object] = []
        here.append(here)
        freeze_loaded()
        assert not any(one is here for one in gc.get_objects())
    finally:
        gc.unfreeze()
