"""How threads share the cores: training has nearly all of them, and the screen comes first.

PyTorch's OpenMP threads spin at the end of every parallel region, by default for milliseconds.
If another thread (the screen, the statistics, somebody else's job) runs on one of the cores, each
region of a training step then waits for a whole time slice. Milliseconds a step at (512, 128,
p 0.05), trained weights, two cores, alone / beside one busy process:

    spins       0        100      1,000    20,000   by default
                4.6/5.2  4.6/5.3  4.2/6.0  4.1/14   3.8/10 (13 on average)

NumPy's OpenBLAS has its own threads, which spin for 2^26 cycles after each product: sampling the
exact loss every two seconds wasted 5 % of a core, and a tenth of that with 2^12.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rugtui.runtime.machine import cores

SPINS = "1000"
LOG_CYCLES = "12"
NICER = 5
"""Added to the niceness of a background thread."""
BESIDE = 0.01
"""Share of all cores' time for each of the screen and the statistics while training runs."""


def share_beside() -> float:
    """The cores that the screen, or the statistics, may use while training runs."""
    return BESIDE * cores()


def granted_threads() -> int:
    """Threads that may compute at once: one a core, or what OMP_NUM_THREADS says."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cores(), int(said)) if said.isdecimal() and int(said) else cores()


@contextmanager
def compute_threads(count: int) -> Iterator[None]:
    """PyTorch computes on so many threads inside the block.

    The number is global to the process: another thread that computes meanwhile gets it too, and
    other last digits with it.
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
    """Have the runtimes that are loaded from now on spin briefly, with a thread for each core that
    this process is granted: call it before NumPy or torch is imported.

    What the user has set in the environment stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", LOG_CYCLES)
    if hasattr(os, "sched_getaffinity") and cores() < len(os.sched_getaffinity(0)):
        # they know which cores there are, and not what share of their time a quota grants
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))


def lower_priority() -> None:
    """Have the scheduler prefer other threads to this one, and to those it starts from now on.

    Training fills every core; a key then waits for its turn before anything is drawn. So measured
    with n_sparse 1,024 on two cores, from ? to its help: 26 ms, 95 % within 57 ms.
    Only Linux has niceness by the thread; it cannot be taken back without privileges.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + NICER)
