"""How threads exchange work and results: a background worker and a one-slot mailbox."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


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
    """Holds at most one item, the newest: a slow reader misses some, a writer never waits."""

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
