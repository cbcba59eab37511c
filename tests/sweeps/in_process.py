"""Units computed in the process of the tests, for comparison with others; and reading tables."""

from __future__ import annotations

import pyarrow.parquet

from rugtui.sweeps.table import row_of


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


def read_parquet(path):
    """The rows of a results.parquet."""
    return [row_of(facts, path) for facts in pyarrow.parquet.read_table(path).to_pylist()]
