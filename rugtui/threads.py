"""How compute threads leave a core to whoever needs it: the screen, above all.

PyTorch's OpenMP threads spin at the end of every parallel region, by default for milliseconds.
Where another thread has one of the cores (the screen, the analyst, somebody else's job), each
region of a training step then waits out a time slice. Measured in milliseconds a step at (512, 128,
p 0.05), a trained state, on two cores, alone / beside one busy process:

    spins       0        100      1,000    20,000   by default
                4.6/5.2  4.6/5.3  4.2/6.0  4.1/14   3.8/10 (13 on average)
"""

from __future__ import annotations

import os
import sys
import threading

SPINS = "1000"
NICER = 5
"""By so much a thread that steps back is nicer than the others of its process."""


def wait_briefly() -> None:
    """Set the count for OpenMP runtimes loaded from now on: call it before torch is imported.

    What the user has set in the environment stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def step_back() -> None:
    """Have the scheduler prefer other threads to this one, and to those it starts from now on.

    Training fills every core; a key then waits for its turn before anything is drawn. So measured
    with n_sparse 1,024 on two cores, from ? to its help: 26 ms, 95 % within 57 ms.
    Only Linux has niceness by the thread; it cannot be taken back without privileges.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + NICER)
