"""Units computed by processes on this machine: one per core, each on one thread; on a GPU only one.

Each process has its own pipe and one unit at a time, so that a process that dies costs only its
unit, which is tried once more, alone. (In a pool of loky or the standard library one death breaks
the queue that all processes share, which moreover needs /dev/shm.) A unit waits until there is
memory for it beside the others, and fails if there can never be enough.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from rugtui.errors import RugtuiError, SettingError
from rugtui.runtime.machine import available_memory, cores
from rugtui.sweeps.estimate import PROCESS, by_fit, processes, too_large
from rugtui.sweeps.grid import Grid
from rugtui.sweeps.plan import RANDOM, Outcome, Unit, error_and_traceback, failed_outcome, predicted

EXIT_SECONDS = 10.0
"""How long a process whose pipe is closed may take to exit by itself."""
POLL_EVERY = 0.2
"""Seconds between checks for cancellation."""
FEW = 2000
"""Up to this many cells of formulas are computed by this process while the others start."""
SURE = ("auto", "cpu")
"""Devices that always exist; a process checks others before anything is computed."""
DEATHS = 2
"""A unit has failed after this many of its processes died."""
STARTS = 3
"""Processes per slot that may die in a row before one is ready to compute."""
IGNORED = {signal.SIGINT, signal.SIGHUP}
"""A terminal sends these to all its processes; only the one that hands out units handles them."""


def outcomes(
    units: Sequence[Unit],
    grid: Grid,
    cancelled: Callable[[], bool],
    *,
    compute: Callable[[Unit, Grid], Outcome] | None = None,
    limit: int | None = None,
) -> Iterator[Outcome]:
    """The Outcome of each unit as it is done; ends early once `cancelled`.

    Tests replace what processes `compute`, and the `limit` in bytes for all of them together.
    Raises SettingError for a device that does not exist, RugtuiError if no process can be started.
    """
    formulas = [unit for unit in units if unit.kind not in RANDOM]
    others = [unit for unit in units if unit.kind in RANDOM]
    if sum(len(unit.cells) for unit in formulas) > FEW or (others and grid.device not in SURE):
        formulas, others = [], list(units)
    limit = available_memory() if limit is None else limit
    with contextlib.closing(_Pool(others, grid, compute or _compute, limit)) as pool:
        pool.fill()
        for unit in formulas:  # while processes are still starting
            if cancelled():
                return
            yield predicted(unit)
        while pool.left and not cancelled():
            yield from pool.step()


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Threads and processes started inside the block never receive the signals of a terminal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Processes started inside the block do not run the user's script again, as spawn would."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


class _Worker:
    """A process, and the unit that it computes."""

    def __init__(self, compute: Callable[[Unit, Grid], Outcome], grid: Grid) -> None:
        """Raises OSError if no process can be started."""
        context = multiprocessing.get_context("spawn")  # a fork would lose torch's threads
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, compute, grid), daemon=True)
        with blocked_signals(), without_main(), theirs:
            self.process.start()
        self.is_ready = False
        self.unit: Unit | None = None

    def take(self, unit: Unit) -> None:
        self.unit = unit
        with contextlib.suppress(OSError):  # it has died, as `answer` will notice
            self.pipe.send(unit)

    def answer(self) -> Any:
        """Its next message. Raises EOFError if it has died."""
        try:
            return self.pipe.recv()
        except ConnectionError as error:
            raise EOFError from error

    def end(self) -> None:
        self.process.kill()
        self.pipe.close()


class _Pool:
    """Hands units to processes, and replaces those that die."""

    def __init__(
        self,
        units: Sequence[Unit],
        grid: Grid,
        compute: Callable[[Unit, Grid], Outcome],
        limit: int,
    ) -> None:
        self._grid, self._limit = grid, limit
        self._start = functools.partial(_Worker, compute, grid)
        fit, over = by_fit(units, grid, limit)
        self._needs = fit | over
        self._size = processes(self._needs.values(), limit, cores())
        self._on_cpu = True
        self._new, self._too_large = deque(fit), list(over)
        self._again = deque[Unit]()
        """Units whose process died; each waits until it can run alone."""
        self._deaths = Counter[Unit]()
        self._workers: list[_Worker] = []
        self._died_early = 0

    @property
    def left(self) -> bool:
        return bool(self._new or self._too_large or self._again or self._going)

    @property
    def _going(self) -> list[Unit]:
        return [worker.unit for worker in self._workers if worker.unit]

    def fill(self) -> None:
        """Start as many processes as there is work for. Raises RugtuiError if none can start."""
        waiting = len(self._new) + len(self._too_large) + len(self._again)
        wanted = min(self._size, waiting + len(self._going))
        try:
            while len(self._workers) < wanted:
                self._workers.append(self._start())
        except OSError as error:
            if not self._workers:
                raise RugtuiError(f"No process can be started to compute in: {error}.") from error

    def step(self) -> Iterator[Outcome]:
        """Hand out units, wait up to POLL_EVERY, and yield what was computed."""
        self.fill()
        self._hand_out()
        found: list[Outcome] = []
        pipes = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(pipes), POLL_EVERY):
            if (worker := pipes[cast(Connection, pipe)]) in self._workers:
                found += self._heard(worker)
        self.fill()
        self._hand_out()  # before the caller writes the outcomes, which takes time
        yield from found

    def close(self) -> None:
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def _heard(self, worker: _Worker) -> list[Outcome]:
        """The outcomes that follow from a process's message or death."""
        try:
            said = worker.answer()
        except EOFError:
            return self._died(worker)
        if not worker.is_ready:
            return self._began(worker, said)
        unit, worker.unit = worker.unit, None
        assert unit
        return [said if isinstance(said, Outcome) else failed_outcome(unit, self._grid, *said)]

    def _began(self, worker: _Worker, device: str | SettingError) -> list[Outcome]:
        """A process is ready, and has found its device. Raises SettingError if it does not
        exist."""
        if isinstance(device, SettingError):
            raise device
        worker.is_ready, self._died_early = True, 0
        units, self._too_large = self._too_large, []
        if device == "cpu":
            return [self._refused(unit) for unit in units]
        self._new.extend(units)  # a GPU has its own memory
        self._on_cpu, self._size = False, 1
        for other in [one for one in self._workers if one is not worker]:
            other.end()
            self._workers.remove(other)
        return []

    def _refused(self, unit: Unit) -> Outcome:
        return failed_outcome(unit, self._grid, too_large(self._needs[unit], self._limit))

    def _died(self, worker: _Worker) -> list[Outcome]:
        worker.process.join(EXIT_SECONDS)  # its pipe is closed: it exits, with a code to report
        worker.end()
        worker.process.join()
        self._workers.remove(worker)
        unit = worker.unit
        if unit is None:
            self._died_early += not worker.is_ready
            if self._died_early >= STARTS * self._size:
                last = _end(worker.process.exitcode)
                raise RugtuiError(
                    f"No process gets as far as computing: the last {last}. Free some memory, or "
                    "compute elsewhere with --dask."
                )
            return []
        self._deaths[unit] += 1
        if self._deaths[unit] < DEATHS:
            self._again.append(unit)
            return []
        why = f"{DEATHS} processes died of it: the last {_end(worker.process.exitcode)}"
        return [failed_outcome(unit, self._grid, why)]

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.is_ready and worker.unit is None and (unit := self._next()):
                worker.take(unit)

    def _next(self) -> Unit | None:
        """The first unit for which there is memory beside those in progress."""
        going = self._going
        if any(unit in self._deaths for unit in going):
            return None
        if not going and (queue := self._again or self._new):
            return queue.popleft()
        free = self._limit - self._size * PROCESS - sum(self._needs[unit] for unit in going)
        queue = (unit for unit in self._new if self._needs[unit] <= free or not self._on_cpu)
        if unit := next(queue, None):
            self._new.remove(unit)
        return unit


def _end(code: int | None) -> str:
    """How a process ended, in words."""
    if code == -signal.SIGKILL:
        return "was killed (out of memory?)"
    return f"died of {signal.Signals(-code).name}" if code and code < 0 else f"ended with {code}"


def _serve(pipe: Connection, compute: Callable[[Unit, Grid], Outcome], grid: Grid) -> None:
    """The body of a process: compute units until the pipe closes. NumPy and torch are not loaded
    yet."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with contextlib.suppress(EOFError, ConnectionError):
        pipe.send(_device(grid.device))
        while True:
            unit = pipe.recv()
            try:
                answer: Any = compute(unit, grid)
            except Exception as error:  # noqa: BLE001 - the process's edge
                answer = error_and_traceback(error)
            pipe.send(answer)


def _end_with_parent() -> None:
    """End this process when its parent ends."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _device(name: str) -> str | SettingError:
    """The type of the device, or the error if it does not exist."""
    if name == "cpu":
        return name
    from rugtui.training.device import resolve

    try:
        return resolve(name).type
    except SettingError as error:
        return error


def _compute(unit: Unit, grid: Grid) -> Outcome:
    import torch

    from rugtui.sweeps.compute import compute

    torch.set_num_threads(1)
    return compute(unit, grid)
