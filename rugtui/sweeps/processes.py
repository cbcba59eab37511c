"""Units computed by processes of this machine: one a core, each on one thread; on a GPU one alone.

A unit waits until there is memory for it beside those that are computed; one for which there is
none at all has failed. A process that dies takes the pool down with it, and all units that were on
their way may be to blame. A new pool has them one after the other: one that again kills its
process, alone, has failed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from rugtui.errors import RugtuiError, SettingError
from rugtui.models.memory import available_memory
from rugtui.runtime.threads import cores
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.memory import PROCESS, fits, needed, processes, too_large
from rugtui.sweeps.outcome import Outcome, failed, fault, predicted
from rugtui.sweeps.plan import RANDOM, Unit

T = TypeVar("T")

LOOK_EVERY = 0.2
"""Seconds in which a wish to end is heard."""
FEW = 2000
"""Cells of theory that are there before a process would be."""
SURE = ("auto", "cpu")
"""Devices that there are: another is asked for before anything is computed."""
DEATHS = 2
"""Of processes that a unit may cost, alone, before it counts as failed."""


def outcomes(
    units: Sequence[Unit],
    grid: Grid,
    cancelled: Callable[[], bool],
    *,
    compute: Callable[[Unit, Grid], Outcome] | None = None,
    there: int | None = None,
) -> Iterator[Outcome]:
    """An Outcome of each unit as it comes; ends early once `cancelled`.

    `compute` stands in for what the processes do, `there` for the bytes of memory that they may
    have together. Raises SettingError for a device that is not
    there, RugtuiError where processes cannot be started.
    """
    formulas = [unit for unit in units if unit.kind not in RANDOM]
    others = [unit for unit in units if unit.kind in RANDOM]
    if sum(len(unit.cells) for unit in formulas) > FEW or (others and grid.device not in SURE):
        formulas, others = [], list(units)
    work = _Work(others, grid, compute or _compute, available_memory() if there is None else there)
    try:
        work.start()
        for unit in formulas:  # while processes are still starting
            if cancelled():
                return
            yield predicted(unit)
        while work.left and not cancelled():
            yield from work.look()
    finally:
        work.close()


class _Pool:
    """Processes that end when this one does, or when they are dropped, whatever they are at."""

    def __init__(self, device: str, most: int) -> None:
        """`most` processes, or one where the device is none of the CPU's; they start while this
        process does something else."""
        self.size, self.on_cpu = most, True
        self._make()
        self._asked = [self.submit(_device, device) for _ in range(most)]

    def settle(self) -> None:
        """Wait till there is a process, and see which device it has. Raises SettingError,
        RugtuiError."""
        if not self._asked:
            return
        asked, self._asked = self._asked, []
        try:
            found = asked[0].result()
        except BrokenProcessPool as error:
            self.drop()
            raise RugtuiError(
                "The processes that would compute end as they start (memory?): compute elsewhere "
                "with --dask, or free some."
            ) from error
        except BaseException:
            self.drop()
            raise
        if isinstance(found, tuple):
            self.drop()
            raise SettingError(*found)
        self.on_cpu = found == "cpu"
        if not self.on_cpu and self.size > 1:
            self.drop()
            self.size = 1
            self._make()

    def _make(self) -> None:
        context = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
        reader, self._leash = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self.size, mp_context=context, initializer=_begin, initargs=(reader,)
        )

    def submit(self, what: Callable[..., T], *told: Any) -> Future[T]:
        """Starts processes, where there are too few, that hear no ctrl+c from the first."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(what, *told)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def drop(self) -> None:
        self._leash.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Work:
    """Units on their way through a pool, which is made anew where a process of it dies."""

    def __init__(
        self,
        units: Sequence[Unit],
        grid: Grid,
        compute: Callable[[Unit, Grid], Outcome],
        there: int,
    ) -> None:
        self._grid, self._compute, self._there = grid, compute, there
        self._needs = {unit: needed(unit, grid) for unit in units}
        self._size = processes(list(self._needs.values()), there, cores())
        self._new = deque(unit for unit in units if fits(self._needs[unit], there))
        self._too_large = [unit for unit in units if not fits(self._needs[unit], there)]
        self._suspects = deque[Unit]()
        self._deaths = Counter[Unit]()
        self._going: dict[Future[Outcome], Unit] = {}
        self._pool: _Pool | None = None

    @property
    def left(self) -> bool:
        return bool(self._new or self._too_large or self._suspects or self._going)

    def start(self) -> None:
        """Have processes start, where there is work for them."""
        if self.left and not self._pool:
            self._pool = _Pool(self._grid.device, self._size)

    def look(self) -> Iterator[Outcome]:
        """Hand out units, wait a moment, and give what has come."""
        pool = self._settled()
        yield from self._left_out(pool)
        broken = not self._hand_out(pool)
        ready, _ = wait(self._going, LOOK_EVERY, FIRST_COMPLETED)
        for future in ready:
            if isinstance(future.exception(), BrokenProcessPool):
                broken = True
            else:
                yield self._taken(future)
        if broken:
            yield from self._begin_anew()

    def close(self) -> None:
        if self._pool:
            self._pool.drop()
            self._pool = None

    def _settled(self) -> _Pool:
        self.start()
        assert self._pool
        self._pool.settle()
        return self._pool

    def _left_out(self, pool: _Pool) -> Iterator[Outcome]:
        """Once: the units that there is no memory for, as failed; a device has its own."""
        units, self._too_large = self._too_large, []
        if not pool.on_cpu:
            self._new.extend(units)
            return
        for unit in units:
            yield failed(unit, self._grid, too_large(self._needs[unit], self._there))

    def _hand_out(self, pool: _Pool) -> bool:
        """False where the pool has broken."""
        # one more than there are processes, so that none waits for this one
        most = 1 if self._suspects else pool.size + 1
        while len(self._going) < most and (unit := self._next(pool)) is not None:
            try:
                future = pool.submit(self._compute, unit, self._grid)
            except BrokenProcessPool:
                return False
            self._going[future] = unit
            (self._suspects or self._new).remove(unit)
        return True

    def _next(self, pool: _Pool) -> Unit | None:
        """The first that has room beside those that are computed."""
        queue = self._suspects or self._new
        if not self._going or not pool.on_cpu:
            return next(iter(queue), None)
        free = self._there - pool.size * PROCESS
        free -= sum(self._needs[unit] for unit in self._going.values())
        return next((unit for unit in queue if self._needs[unit] <= free), None)

    def _taken(self, future: Future[Outcome]) -> Outcome:
        unit, error = self._going.pop(future), future.exception()
        return future.result() if error is None else failed(unit, self._grid, fault(error))

    def _begin_anew(self) -> Iterator[Outcome]:
        self.close()  # every future has its result or its exception now
        for future in list(self._going):
            if future.exception() is None:
                yield self._taken(future)
        lost = list(self._going.values())
        self._going.clear()
        if len(lost) == 1:
            self._deaths[lost[0]] += 1
        for unit in lost:
            if self._deaths[unit] < DEATHS:
                self._suspects.append(unit)
            else:
                why = f"{DEATHS} processes died of it (memory?)"
                yield failed(unit, self._grid, why)


def _begin(leash: Connection) -> None:
    """In a new process, before NumPy and torch are loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _end_with(leash: Connection) -> None:
    """The other end is closed by whoever dropped this process, or by the system if that died."""
    leash.poll(None)
    os._exit(1)


def _device(name: str) -> str | tuple[str, str, object, str]:
    """What kind of device this is, or the parts of a SettingError, which itself cannot travel."""
    if name == "cpu":
        return name
    from rugtui.training.device import resolve

    try:
        return resolve(name).type
    except SettingError as error:
        return error.name, error.wanted, error.got, error.hint


def _compute(unit: Unit, grid: Grid) -> Outcome:
    import torch

    from rugtui.sweeps.compute import compute

    torch.set_num_threads(1)
    return compute(unit, grid)
