"""`rugtui.train` and `rugtui.load`: runs from Python, new ones and saved ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rugtui.errors import UsageError
from rugtui.settings.settings import Settings
from rugtui.tables import Table

if TYPE_CHECKING:
    from rugtui.analysis.statistics import Statistics
    from rugtui.api.sweeps import Sweep
    from rugtui.live.run_session import RunSession
    from rugtui.models.dense import Dense
    from rugtui.storage.load import Saved
    from rugtui.training.heldout import Estimate
    from rugtui.training.state import StepResult

HELDOUT_SAMPLES = 32_768
"""Fresh samples for the loss in a summary."""


def train(
    settings: Settings | None = None,
    callback: Callable[[StepResult], object] | None = None,
    *,
    out: str | Path | None = None,
    **changes: Any,
) -> Run:
    """Train a model; `changes` are settings by name, over `settings` or the defaults.

    With a callback it trains at once and calls back after each interval of a few steps; a callback
    that returns False stops it. Without one it trains while you iterate over the run, or to the end
    when you ask for weights, history, statistics or the summary.

    >>> import rugtui
    >>> settings = rugtui.Settings(n_sparse=16, n_dense=4, steps=400, batch=64, device="cpu")
    >>> run = rugtui.train(settings, lambda result: result.step < 100)
    >>> run.step < 400, run.stop_reason
    (True, 'stopped')
    >>> losses = [result.loss for result in rugtui.train(settings)]
    >>> losses[-1] < losses[0]
    True

    `out` is a folder to save the run in, as `rugtui train --into` does; by default nothing is
    written. Raises SettingError, TrainingError (training diverged, or memory ran out), OSError.
    """
    from rugtui.live.run_session import RunSession
    from rugtui.training.trainer import Trainer

    settings = (settings or Settings()).replace(**changes)
    into = Path(out) if out is not None else None
    if into is not None:
        run = Run(RunSession.new(settings, into=into))
    else:
        run = Run(RunSession(Trainer(settings), cast(Any, NotSaved())))
    if callback is not None:
        for result in run:
            if callback(result) is False:
                run.stop()
    return run


class NotSaved:
    """Takes the place of the `CheckpointWriter` of a run that is not saved."""

    run = kept = None
    trouble = unsaved = ""
    due = busy = False

    def begin(self) -> None: ...

    def note(self, text: str) -> None: ...

    def save(self, copy: Callable[[], object]) -> None: ...

    def wait(self, seconds: float | None) -> bool:
        return True

    def close(self, within: float | None) -> bool:
        return True

    def news(self) -> list[tuple[str, bool]]:
        return []


class Run:
    """A run. Iterating over it trains, and yields a result for each interval."""

    def __init__(self, session: RunSession) -> None:
        self._session = session
        self._begun = self._stopped = False

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"Run(n_sparse={s.n_sparse}, n_dense={s.n_dense}, p={s.p_on:g}, method={s.method!r}, "
            f"step={self.step:,})"
        )

    def __iter__(self) -> Iterator[StepResult]:
        """Train to the end, or until `stop` is called or the iteration is left."""
        self._begun = True
        training = self._session.trainer
        try:
            while not training.done and not self._stopped:
                result = self._session.advance(lambda: False)
                if result is not None:
                    yield result
        finally:
            self._session.close("done" if training.done else "paused")

    def stop(self) -> None:
        """Stop after the current interval."""
        self._stopped = True

    def finish(self) -> Run:
        """Train to the end, unless somebody iterated over the run or stopped it before."""
        if not self._begun and not self._stopped:
            for _ in self:
                pass
        return self

    @property
    def settings(self) -> Settings:
        return self._session.settings

    @property
    def step(self) -> int:
        """Steps done so far."""
        return self._session.trainer.step

    @property
    def stop_reason(self) -> str | None:
        """Why training ended, in a few words; None if it has not."""
        return self._session.trainer.ending or ("stopped" if self._begun else None)

    @property
    def weights(self) -> Dense:
        """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense) and b (n_sparse,), on the CPU."""
        return self.finish()._session.trainer.weights()

    @property
    def history(self) -> Table:
        """A row for each interval: step, seconds, loss, smoothed, heldout, lr, p, batch …"""
        from rugtui.storage.load import history_table

        return history_table(self.finish()._session.history.past())

    @property
    def statistics(self) -> Statistics:
        """The Gaussian and exact loss of the weights, and measures of their symmetry."""
        import numpy as np

        from rugtui.analysis.statistics import statistics

        generator = np.random.default_rng(self.settings.seed)
        return statistics(self.weights, self.settings.p_on, generator=generator)

    @property
    def path(self) -> Path | None:
        """The folder of the run, if it is saved."""
        return self._session.writer.run

    def heldout_loss(self, samples: int = HELDOUT_SAMPLES) -> Estimate:
        """Mean and standard error of the loss on fresh samples that training never sees."""
        return self.finish()._session.trainer.measure(samples)

    def summary(self) -> dict[str, Any]:
        """What `rugtui train --json` prints."""
        return summary(self.finish()._session)


def summary(session: RunSession, samples: int = HELDOUT_SAMPLES) -> dict[str, Any]:
    """The result of a run, as in JSON; `loss` is that of this many fresh held-out samples."""
    from rugtui.analysis.statistics import gaussian_loss
    from rugtui.theory.levels import levels

    training, settings = session.trainer, session.settings
    heldout = training.measure(samples)
    relu = settings.activation == "relu" and settings.law.is_usual
    return {
        "n_sparse": settings.n_sparse,
        "n_dense": settings.n_dense,
        "ratio": settings.ratio,
        "p": settings.p_on,
        "method": settings.method,
        "steps": training.step,
        "stop_reason": training.ending or "interrupted",
        "seconds": session.seconds,
        "steps_per_second": training.step / session.seconds if session.seconds else None,
        "loss": heldout.mean,
        "loss_kind": "heldout",
        "loss_standard_error": heldout.standard_error,
        "loss_gaussian": gaussian_loss(training.weights(), settings.p_on) if relu else None,
        "theory_loss": levels(settings.ratio, settings.p_on, settings.magnitude).loss,
        "device": str(training.device),
        "threads": training.threads,
        "seed": settings.seed,
        "run": str(session.writer.run) if session.writer.run else None,
        "saved_step": session.writer.kept,
    }


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
    from rugtui.storage.load import load
    from rugtui.sweeps.folder import is_sweep

    if is_sweep(Path(path)):
        from rugtui.api.sweeps import load_sweep

        return load_sweep(Path(path))
    return load(path)


def summary_of_saved(path: str | Path, changes: dict[str, Any]) -> dict[str, Any]:
    """What `rugtui open --json` prints. `changes` are settings for a file of weights.

    Raises UsageError for changes to a run or a snapshot, and what `load` raises.
    """
    from rugtui.analysis.statistics import gaussian_loss
    from rugtui.storage.load import load, with_unknown
    from rugtui.theory.levels import levels

    saved = load(path)
    if changes and saved.kind != "file":
        option = next(iter(changes)).replace("_", "-")
        raise UsageError(f"--{option} is for a file of weights: this has its own.")
    settings = with_unknown(saved.settings, changes) if saved.kind == "file" else saved.settings
    p, gaussian, theory = settings.p_on, None, None
    if p is not None:
        theory = levels(settings.ratio, p, settings.magnitude).loss
        if settings.activation in ("relu", None) and settings.law.is_usual:
            gaussian = gaussian_loss(saved.weights, p)
    return {
        "path": str(saved.path),
        "kind": saved.kind,
        "step": saved.step,
        "n_sparse": settings.n_sparse,
        "n_dense": settings.n_dense,
        "ratio": settings.ratio,
        "p": p,
        "loss_gaussian": gaussian,
        "theory_loss": theory,
        "settings": settings.as_dict(),
    }
