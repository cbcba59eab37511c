"""Units computed in this process: as many at once as there are cores, each on one
thread; on a GPU one after the other.

One thread a unit is also what a worker of Dask has, so that the numbers are the same there. It
loses nothing: a step's arrays are so small that threads which share it mostly wait for each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import Unit

LOOK_EVERY = 0.2
"""Seconds in which a wish to end is heard."""


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked to stop
    """Raised within a unit that is given up."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcomes(
    units: Sequence[Unit], grid: Grid, cancelled: Callable[[], bool], *, at_once: int | None = None
) -> Iterator[object]:
    """An Outcome of each unit as it comes; ends early once `cancelled`.

    Raises SettingError for a device that is not there. Sets the number of torch's threads in this
    process to one while it goes.
    """
    import torch

    from rugtui.sweeps.compute import Outcome, compute
    from rugtui.training.device import resolve

    side_by_side = cores() if resolve(grid.device).type == "cpu" else 1
    ended = threading.Event()

    def pause() -> None:
        if ended.is_set():
            raise Cancelled

    def one(unit: Unit) -> Outcome:
        pause()
        return compute(unit, grid, pause)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(
        at_once or side_by_side, initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        pending: set[Future[Outcome]] = {pool.submit(one, unit) for unit in units}
        while pending and not cancelled():
            ready, pending = wait(pending, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    finally:
        ended.set()
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)
