"""Units computed in this process, one after the other, on one thread.

One thread is also what a process of a pool and a worker of Dask have, so that the numbers are the
same there. Threads side by side would not pay: a step's arrays are so small that they mostly wait
for Python's lock (two units beside each other took 5.1 s, where one takes 2.8 s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rugtui.sweeps.grid import Grid
from rugtui.sweeps.outcome import Outcome
from rugtui.sweeps.plan import Unit


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked to stop
    """Raised within a unit that is given up."""


def outcomes(units: Sequence[Unit], grid: Grid, cancelled: Callable[[], bool]) -> Iterator[Outcome]:
    """An Outcome of each unit as it comes; ends early once `cancelled`.

    Raises SettingError for a device that is not there. Sets the number of torch's threads in this
    process to one while it computes.
    """
    import torch

    from rugtui.sweeps.compute import compute
    from rugtui.training.device import resolve

    resolve(grid.device)

    def pause() -> None:
        if cancelled():
            raise Cancelled

    for unit in units:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            pause()
            outcome = compute(unit, grid, pause)
        except Cancelled:
            return
        finally:
            torch.set_num_threads(threads)
        yield outcome
