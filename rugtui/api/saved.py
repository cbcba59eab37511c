"""`rugtui.load`: anything that rugtui wrote, and files of weights from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rugtui.errors import UsageError

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


def summary(path: str | Path, changes: dict[str, Any]) -> dict[str, Any]:
    """What `rugtui open --json` prints. `changes` are settings of a file of weights.

    Raises UsageError for changes of what has settings of its own, and what `load` raises.
    """
    from rugtui.analysis.statistics import gaussian_loss
    from rugtui.storage.load import load, with_unknown
    from rugtui.theory.levels import levels

    saved = load(path)
    settings = saved.settings
    if changes and saved.kind != "file":
        raise UsageError(f"--{next(iter(changes))} is for a file of weights: this has its own.")
    if saved.kind == "file":
        settings = with_unknown(settings, changes)
    p, relu = settings.p_on, settings.activation in ("relu", None) and settings.law.is_usual
    return {
        "path": str(saved.path),
        "kind": saved.kind,
        "step": saved.step,
        "n_sparse": settings.n_sparse,
        "n_dense": settings.n_dense,
        "ratio": settings.ratio,
        "p": p,
        "loss_gaussian": gaussian_loss(saved.weights, p) if p is not None and relu else None,
        "theory_loss": levels(settings.ratio, p, settings.magnitude).loss
        if p is not None
        else None,
        "settings": settings.as_dict(),
    }
