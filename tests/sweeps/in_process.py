"""Units computed in the tests' own process: what the pool and Dask are compared with."""

from __future__ import annotations


def outcomes(units, grid, cancelled):
    """An Outcome of each unit, on one thread, as in a process of the pool."""
    import torch

    from rugtui.sweeps.compute import compute

    for unit in units:
        if cancelled():
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            outcome = compute(unit, grid)
        finally:
            torch.set_num_threads(threads)
        yield outcome
