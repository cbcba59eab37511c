"""What processes of a pool compute in tests, in a module that they import without PyTorch."""

from __future__ import annotations

import functools
import os
import re
import signal
import time
from pathlib import Path

from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import Cell, Outcome, Unit, failed_outcome, units
from rugtui.sweeps.processes import outcomes

GRID = Grid(n_sparse="16", ratio="0.25,0.5,0.75", p="0.1", kinds="trained,rug", device="cpu",
            samples=64, steps=40)  # fmt: skip
UNITS = units(GRID)
FATAL = UNITS[1]
POPULATION = Grid(n_sparse="16", ratio="0.25,0.5,0.75", p="0.1", kinds="population", device="cpu")
PAIR = units(POPULATION)[:2]
FORMULA_AND_UNITS = (Unit("linear", (16, 4), (Cell(0.1),)), *UNITS)


def never():
    return False


def sound(unit, grid, *, where=None):
    """A stand-in whose weights say whether its process ignores SIGINT."""
    if where is not None:
        (where / str(os.getpid())).touch()
    is_deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return Outcome(failed_outcome(unit, grid, "stand-in").rows, {"deaf": bytes([is_deaf])})


def dying(unit, grid, *, deaths, where):
    """Kills its process so many times at one of the units."""
    done = len(list(where.glob("death*")))
    if unit == FATAL and done < deaths:
        (where / f"death{done}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(unit, grid)


def wrong(unit, grid):
    raise ZeroDivisionError("division by zero")


def sleeping(unit, grid, *, where):
    sound(unit, grid, where=where)
    time.sleep(100)


def sleep_in_pool(where):
    """A program whose pool never gets anywhere."""
    list(outcomes(UNITS, GRID, never, compute=functools.partial(sleeping, where=Path(where))))


def peak():
    """Bytes that this process has had in memory at once, without the libraries' files."""
    said = dict(re.findall(r"(\w+):\s*(\d+) kB", Path("/proc/self/status").read_text()))
    return (int(said["VmHWM"]) - int(said["RssFile"])) * 1024


def weighed(unit, grid):
    """A unit really computed; in place of weights, which process did, and its peak."""
    from rugtui.sweeps.compute import compute

    rows = compute(unit, grid).rows
    return Outcome(rows, {str(os.getpid()): peak().to_bytes(8)})


def meeting(unit, grid, *, where, patience):
    """Tells whether another unit is computed at the same time; waits so many seconds for it."""
    mark = where / str(unit.n_dense)
    mark.touch()
    until = time.monotonic() + patience
    while not (met := len(list(where.iterdir())) > 1) and time.monotonic() < until:
        time.sleep(0.01)
    if not met:
        mark.unlink()
    return Outcome(failed_outcome(unit, grid, "stand-in").rows, {"met": bytes([met])})


def faulty(unit, grid):
    if unit == PAIR[0]:
        raise LookupError("nobody foresaw this")
    return Outcome(failed_outcome(unit, grid, "stand-in").rows, {})
