"""When Python looks for garbage, and in what.

A full look goes through every object, and PyTorch alone brings in half a million. All threads wait
meanwhile: measured on two cores, 200 ms after every few keys in the dashboard (of 30 keys that open
the help, five took that long), and 0.4 s of the 1.5 s that the import of PyTorch takes, in which
there is no garbage to find.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_gc(module: str = "torch") -> Iterator[None]:
    """Import what stays until the process ends: nothing is looked for in it, now or later.

    Where `module` is there already, this does nothing: what has lived a while may be garbage.
    """
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def freeze_loaded() -> None:
    """Once everything is imported, leave what is there alone, too; where `frozen_gc` froze nothing,
    this does nothing.

    After PyTorch come SciPy, Numba and compiled kernels: 60,000 objects more, 25 ms of every full
    look.
    """
    if gc.get_freeze_count():
        gc.collect()
        gc.freeze()
