"""How long the compute threads of a matrix product wait for each other before they sleep.

PyTorch's OpenMP threads spin at the end of every parallel region, by default for milliseconds.
Where another thread has one of the cores (the screen, the analyst, somebody else's job), each
region of a training step then waits out a time slice. Measured in milliseconds a step at (512, 128,
p 0.05), a trained state, on two cores, alone / beside one busy process:

    spins       0        100      1,000    20,000   by default
                4.6/5.2  4.6/5.3  4.2/6.0  4.1/14   3.8/10 (13 on average)
"""

from __future__ import annotations

import os

SPINS = "1000"


def wait_briefly() -> None:
    """Set the count for OpenMP runtimes loaded from now on: call it before torch is imported.

    What the user has set in the environment stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
