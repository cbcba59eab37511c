"""`rugtui.load`: anything that rugtui wrote, and files of weights from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rugtui.api.sweeps import Sweep
    from rugtui.storage.load import Saved


def load(path: str | Path) -> Saved | Sweep:
    """A run, a snapshot, a sweep, or a file of weights.

    Runs (a folder, or a name as `rugtui runs` lists it), snapshots and files give a `Saved` with
    weights, settings, history and facts; the folder of a sweep gives its table.

    >>> import rugtui, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = rugtui.train(n_sparse=16, n_dense=4, steps=20, device="cpu", out=folder).finish()
    ...     saved = rugtui.load(done.path)
    >>> saved.weights == done.weights, saved.history["step"][-1]
    (True, np.int64(20))

    Nothing is ever unpickled. Raises RunError (nothing there, or written by a newer rugtui),
    DamagedError, WeightsError, OSError.
    """
    from rugtui.sweeps.folder import is_sweep

    if is_sweep(Path(path)):
        from rugtui.api.sweeps import load_sweep

        return load_sweep(Path(path))
    from rugtui.storage.load import load

    return load(path)
