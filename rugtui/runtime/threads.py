"""Threads: how they share the cores, exchange results, and wait for the garbage collector.

PyTorch's OpenMP threads spin at the end of every parallel region, by default for milliseconds. If
another thread (the screen, the statistics, another user's job) runs on one of the cores, each
region of a training step then waits for a whole time slice. Milliseconds per step at (512, 128,
p 0.05), trained weights, two cores, alone / beside one busy process:

    spins       0        100      1,000    20,000   by default
                4.6/5.2  4.6/5.3  4.2/6.0  4.1/14   3.8/10 (13 on average)

NumPy's OpenBLAS has its own threads, which spin for 2^26 cycles after each product: sampling the
exact loss every two seconds wasted 5 % of a core, and with 2^12 cycles a tenth of that.

A full garbage collection visits every object, of which PyTorch alone brings half a million, while
all threads wait: measured on two cores, 200 ms after every few keys in the dashboard, and 0.4 of
the 1.5 s that importing PyTorch takes, during which there is no garbage.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from rugtui.runtime.machine import cores

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
SPINS = "1000"
LOG_CYCLES = "12"
NICER = 5
"""Added to the niceness of a background thread."""
BESIDE = 0.01
"""The screen and the statistics may each use this share of all cores while training runs."""


def share_beside() -> float:
    """The cores that the screen, or the statistics, may use while training runs."""
    return BESIDE * cores()


def granted_threads() -> int:
    """Threads that may compute at once: one per core, or fewer if OMP_NUM_THREADS says so."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cores(), int(said)) if said.isdecimal() and int(said) else cores()


@contextmanager
def compute_threads(count: int) -> Iterator[None]:
    """PyTorch computes on `count` threads inside the block.

    The number is global to the process: it also changes the last digits of what another thread
    computes meanwhile.
    """
    import torch

    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def configure_spin_wait() -> None:
    """Make OpenMP and OpenBLAS spin briefly, on one thread per granted core, unless the environment
    says otherwise. Call it before NumPy or torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", LOG_CYCLES)
    if hasattr(os, "sched_getaffinity") and cores() < len(os.sched_getaffinity(0)):
        # OpenMP knows which cores it may use, but not the quota of their time
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))


def lower_priority() -> None:
    """Lower the priority of this thread, and of threads that it starts later.

    Otherwise a key waits for a core that training occupies. Measured with n_sparse 1,024 on two
    cores, from ? to its help: median 26 ms, 95 % within 57 ms.
    Only Linux has a niceness per thread; lowering it again needs privileges.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + NICER)


@contextmanager
def frozen_gc(module: str = "torch") -> Iterator[None]:
    """Import large modules without garbage collection, and exempt their objects from later ones.

    Does nothing if `module` is already imported: objects that exist by then may become garbage.
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
    """Exempt from garbage collection what was imported since `frozen_gc`, if that froze anything.

    After PyTorch come SciPy, Numba and compiled kernels: 60,000 more objects, and 25 ms of every
    full collection.
    """
    if gc.get_freeze_count():
        gc.collect()
        gc.freeze()


class BackgroundWorker(Generic[Item]):
    """A thread that does one job after another, without blocking its caller.

    The thread starts with the first job. All methods must be called from the same thread.
    """

    def __init__(self, name: str, *, prepare: Callable[[], None] = lambda: None) -> None:
        """`prepare` is called in the thread before its first job."""
        self._name, self._prepare = name, prepare
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: deque[Future[tuple[Item, float]]] = deque()
        self.cost = 0.0
        """CPU seconds of the job whose result was collected last."""

    @property
    def busy(self) -> bool:
        """Whether a result has not been collected yet."""
        return bool(self._jobs)

    def start(self, job: Callable[[], Item]) -> None:
        """Queue a job."""
        from concurrent.futures import ThreadPoolExecutor  # slow: not before the first paint

        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                1, thread_name_prefix=self._name, initializer=self._prepare
            )
        self._jobs.append(self._pool.submit(_timed, job))

    def collect(self) -> Item | None:
        """The next result, once, or None if it is not ready. Raises what the job raised."""
        if not self._jobs or not self._jobs[0].done():
            return None
        result, self.cost = self._jobs.popleft().result()
        return result

    def close(self) -> None:
        """Cancel queued jobs, without waiting for the current one."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class Mailbox(Generic[Item]):
    """Holds only the newest item: a slow reader misses some, and a writer never waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._item: Item | None = None

    def put(self, item: Item) -> None:
        with self._lock:
            self._item = item

    def take(self) -> Item | None:
        """The newest item, once; None if there is no new one."""
        with self._lock:
            item, self._item = self._item, None
        return item

    @property
    def empty(self) -> bool:
        """Whether the last item has been taken."""
        return self._item is None


def _timed(job: Callable[[], Item]) -> tuple[Item, float]:
    begun = time.thread_time()
    return job(), time.thread_time() - begun
