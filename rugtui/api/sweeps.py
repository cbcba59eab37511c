"""`rugtui.sweep`: a grid of models from Python, as one table."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rugtui.settings.fields import fields_of
from rugtui.sweeps.grid import Grid
from rugtui.tables import Table

if TYPE_CHECKING:
    from rugtui.sweeps.folder import Progress

Axis = str | float | int | Sequence[float]


def sweep(
    *,
    out: str | Path | None = None,
    callback: Callable[[Progress], object] | None = None,
    workers: int | None = None,
    dask: str | None = None,
    retry_failed: bool = False,
    **grid: Axis | bool | None,
) -> Sweep:
    """Compute trained weights, rugs, theory and the linear model at every point of a grid.

    The axes n_sparse, ratio, p, seed, bias, tied, activation and data are values, sequences, or
    text as on the command line ("0.05:0.8:16"); kinds, steps and the other options of `rugtui
    sweep` are keywords too. `out` is a folder that keeps the sweep: called again with the same
    grid, or one that extends it, it computes what is missing; with `out` alone, the grid is that of
    the folder. The callback gets the progress after each unit of work, and stops the sweep by
    returning False. One process per core does the work, or Dask: `workers` starts that many
    processes, `dask` is a scheduler's address.

    >>> import rugtui
    >>> table = rugtui.sweep(n_sparse=32, ratio=[0.25, 0.5], p=0.05, kinds="theory,linear")
    >>> table.loss.shape, sorted(set(table["kind"].tolist()))
    ((4,), ['linear', 'theory'])

    Raises SettingError, UsageError (the folder holds another sweep), RunError (in use), OSError.
    """
    from rugtui.sweeps.folder import SweepFolder, grid_of, is_sweep, run
    from rugtui.sweeps.processes import outcomes

    given = {name: as_text(name, value) for name, value in grid.items()}
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="rugtui-") as scratch:
        path = Path(out) if out is not None else Path(scratch) / "s"
        wanted = Grid.asked(given, grid_of(path) if is_sweep(path) else None)
        folder = SweepFolder.begin(path, wanted, retry_failed=retry_failed)
        cluster = None
        try:
            if workers or dask:
                from rugtui.sweeps.cluster import Cluster

                cluster = Cluster(address=dask, workers=workers or 0)
            computed = cluster.outcomes if cluster else outcomes
            for progress in run(folder, computed, stop.is_set, retry_failed=retry_failed):
                if callback is not None and callback(progress) is False:
                    stop.set()
        finally:
            if cluster is not None:
                cluster.close()
            folder.close()
        return Sweep(wanted, [row.table_row() for row in folder.rows], out and Path(out))


def as_text(name: str, value: Any) -> Any:
    """An axis, or a list of kinds, as text for the command line; other values as they are."""
    if name == "method":
        return value
    declared = fields_of(Grid).get(name)
    if declared is None:
        raise TypeError(f"sweep() has no option {name!r}; it has {', '.join(fields_of(Grid))}")
    if declared.kind is not str or isinstance(value, str):
        return value
    parts = value if hasattr(value, "__iter__") else [value]
    return ",".join(str(getattr(part, "item", lambda part=part: part)()) for part in parts)


class Sweep(Table):
    """The table of a sweep: a row for each cell and kind, gaps as None (objects) or NaN."""

    __slots__ = ("grid", "path")

    def __init__(
        self, grid: Grid, rows: Sequence[dict[str, Any]], path: Path | str | None = None
    ) -> None:
        import numpy as np

        from rugtui.sweeps.table import TABLE_TYPES

        columns: dict[str, Any] = {}
        for name, kind in TABLE_TYPES.items():
            values = [row.get(name) for row in rows]
            if kind is float or (kind is int and None in values):
                values = [np.nan if value is None else value for value in values]
                columns[name] = np.array(values, dtype=float)
            else:
                columns[name] = np.array(values, dtype=int if kind is int else object)
        super().__init__(columns)
        self.grid, self.path = grid, Path(path) if path else None


def load_sweep(path: Path) -> Sweep:
    """The rows of a sweep's folder so far. Raises OSError, DamagedError, RunError."""
    from rugtui.sweeps.folder import grid_of, read_rows

    return Sweep(grid_of(path), [row.table_row() for row in read_rows(path).rows], path)
