"""Units computed by Dask, on a local cluster or through a scheduler that already runs.

If a worker dies, Dask computes its units elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from queue import Empty, Queue
from typing import Any

from rugtui import __version__
from rugtui.errors import RugtuiError, UsageError
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import Outcome, Unit, error_and_traceback, failed_outcome
from rugtui.sweeps.processes import POLL_EVERY, blocked_signals

REACH_WITHIN = 8.0
"""Seconds within which a scheduler must answer."""
DEATHS = 5
"""A unit has failed after more than this many of its workers died."""
CONFIG = {
    "distributed.scheduler.allowed-failures": DEATHS,
    # by default malloc returns every temporary to the system, with 6 times the page faults
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # by default a worker wakes up 400 times a second to monitor itself
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
}
NEEDS = "sweeps on Dask need the extra `cluster`: pip install 'rugtui[cluster]'"


def require_dask() -> None:
    """Raises UsageError if Dask is not installed."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise UsageError(f"{NEEDS}.") from error


class Cluster:
    """A Dask client, with its own local cluster unless it is given a scheduler."""

    def __init__(self, *, address: str | None = None, workers: int = 0) -> None:
        """Connects to the scheduler at `address`, or starts `workers` processes here.

        Raises UsageError if Dask is not installed or the scheduler does not answer.
        """
        require_dask()
        from dask import config  # pyright: ignore[reportPrivateImportUsage]
        from distributed import Client, LocalCluster

        self._stack = ExitStack()
        self._stack.enter_context(config.set(CONFIG))
        for handler in logging.getLogger("distributed").handlers:  # we report errors ourselves
            self._stack.callback(handler.setLevel, handler.level)
            handler.setLevel(logging.CRITICAL)
        try:
            if address is None:
                with blocked_signals():
                    local = LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        dashboard_address=None,  # pyright: ignore[reportArgumentType]
                        silence_logs=50,
                    )
                where: Any = self._stack.enter_context(local)
            else:
                require_scheduler(address)
                where = address
            self.client = self._stack.enter_context(Client(where, timeout=REACH_WITHIN))
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        self._stack.close()

    @property
    def workers(self) -> int:
        """The present number of workers; more may join."""
        known: Any = self.client.nthreads()
        return len(known)

    def require_versions(self) -> None:
        """Raises UsageError if a worker has no rugtui or another version of it."""
        found: Any = self.client.run(version, on_error="return")
        for worker, said in found.items():
            if said != __version__:
                what = f"rugtui {said}" if isinstance(said, str) else "no working rugtui"
                raise UsageError(
                    f"the worker at {worker} has {what}, and this is {__version__}: install the "
                    "same version on every worker."
                )

    def outcomes(
        self, units: Sequence[Unit], grid: Grid, cancelled: Callable[[], bool]
    ) -> Iterator[object]:
        """The Outcome of each unit as it is done; ends early once `cancelled`.

        Raises UsageError if a worker has another version, RugtuiError if one that joins later has,
        or if the scheduler is gone.
        """
        from distributed import CancelledError, KilledWorker

        self.require_versions()
        ready: Queue[Any] = Queue()
        asked = {
            future: unit
            for unit in units
            for future in [self.client.submit(_compute, unit, grid, __version__, pure=False)]
        }
        for future in asked:
            future.add_done_callback(ready.put)
        left = len(asked)
        try:
            while left and not cancelled():
                try:
                    future = ready.get(timeout=POLL_EVERY)
                except Empty:
                    continue
                left -= 1
                unit = asked.pop(future)
                try:
                    outcome = future.result()
                except KilledWorker:
                    why = f"{DEATHS + 1} workers died of it (memory?)"
                    outcome = failed_outcome(unit, grid, why)
                except CancelledError as error:
                    asked.clear()
                    raise RugtuiError(
                        "the Dask scheduler is gone: what was computed is kept, and the same "
                        "command computes the rest once a scheduler answers."
                    ) from error
                except Exception as error:  # noqa: BLE001 - the worker's edge
                    outcome = failed_outcome(unit, grid, *error_and_traceback(error))
                if not isinstance(outcome, Outcome):
                    raise RugtuiError(str(outcome))
                future.release()
                yield outcome
        finally:
            if asked:
                self.client.cancel(list(asked), force=True)


def require_scheduler(address: str) -> None:
    """Raises UsageError if no Dask scheduler answers. Dask's client itself, connected to another
    server, waits for most of a minute, or allocates memory for what looks like a huge message."""
    try:
        kind = asyncio.run(asyncio.wait_for(_kind(address), REACH_WITHIN))
    except (OSError, ValueError, TypeError, MemoryError, TimeoutError, EOFError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address!r} within {REACH_WITHIN:g} s: start one with "
            "`dask scheduler`, or correct --dask tcp://HOST:PORT."
        ) from error
    if kind != "Scheduler":
        raise UsageError(
            f"{address!r} is a Dask {kind.lower()}: name the scheduler that it belongs to."
        )


async def _kind(address: str) -> str:
    """The type of Dask server at this address, according to itself."""
    from distributed.core import rpc

    async with rpc(address, timeout=REACH_WITHIN) as other:
        said: Any = await other.identity()
    return str(said["type"])


def version() -> str:
    """Called on a worker."""
    return __version__


def _compute(unit: Unit, grid: Grid, wanted: str) -> object:
    """Called on a worker: an Outcome, or a sentence that says why there is none."""
    if wanted != __version__:
        return f"a worker has rugtui {__version__}, and the sweep is of {wanted}."
    import torch

    from rugtui.sweeps.compute import compute

    torch.set_num_threads(1)
    return compute(unit, grid)
