"""What Python need not look for garbage in."""

import gc
import sys

from rugtui.runtime.garbage import frozen_gc


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
