"""The architectures study: does another activation do better than a ReLU?

Each activation is trained from scratch at the same (r, p). Its loss is compared with L*, with the
bound of its activation, which holds for symmetric weights (theory, section 5), and with L_end,
where training with a ReLU should end once it has broken the symmetry (section 12).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rugtui.live.measuring import TrainedSampler
from rugtui.live.run_session import RunSession
from rugtui.reports.figure import Figure, LinePanel, Series
from rugtui.storage.files import plain
from rugtui.theory.hull import hull, size_that_matters
from rugtui.theory.levels import levels

SAMPLES = 65_536
"""Fresh samples for each loss, the same ones for every activation."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The end of one run: an activation at one (r, p) and seed. Losses are per feature."""

    activation: str
    n_sparse: int
    n_dense: int
    p: float
    seed: int
    step: int
    complete: bool
    loss: float
    """On samples that training never sees."""
    loss_standard_error: float
    dead: int
    theory_loss: float
    loss_end: float
    bound: str
    """The level that bounds this activation at symmetric weights."""
    loss_bound: float

    @property
    def ratio(self) -> float:
        return self.n_dense / self.n_sparse

    def as_dict(self) -> dict[str, Any]:
        over = {
            "loss_over_theory": self.loss / self.theory_loss,
            "loss_over_end": self.loss / self.loss_end,
            "loss_over_bound": self.loss / self.loss_bound,
        }
        return plain({**dataclasses.asdict(self), "ratio": self.ratio, **over})

    @property
    def progress(self) -> tuple[str, str]:
        """Which run it is, and its result, for people who wait."""
        where = f"r {self.ratio:.3g}, p {self.p:g}, {self.activation}"
        return where, f"{self.loss / self.theory_loss:.3f} L*"


def measure_trial(session: RunSession) -> Trial:
    """The losses of a run's newest weights."""
    training, settings = session.trainer, session.settings
    sampler = TrainedSampler(settings, training.weights())
    while sampler.count < SAMPLES:
        sampler.sample()
    loss, error = sampler.loss()
    r, p, n_sparse = settings.ratio, settings.p_on, settings.n_sparse
    theory = levels(r, p)
    bound = bound_of(settings.activation)
    return Trial(
        activation=settings.activation,
        n_sparse=n_sparse,
        n_dense=settings.n_dense,
        p=p,
        seed=settings.seed,
        step=training.step,
        complete=training.done,
        loss=loss,
        loss_standard_error=error,
        dead=training.dead,
        theory_loss=theory.loss,
        loss_end=float(hull(p, size_that_matters(n_sparse, p)).loss(r)),
        bound=bound,
        loss_bound=getattr(theory, bound),
    )


def bound_of(activation: str) -> str:
    """The field of `Levels` that bounds an activation at symmetric weights (section 5)."""
    return {"identity": "linear", "topk": "oracle"}.get(activation, "elementwise")


def summaries(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """A row for each activation at each (r, p), in the order of the trials: means over seeds.

    `error` is the standard error of the mean loss: from the spread over seeds, or with one seed
    that of sampling.
    """
    groups: dict[tuple[float, float, str], list[Trial]] = {}
    for one in trials:
        groups.setdefault((one.ratio, one.p, one.activation), []).append(one)
    return [
        {"ratio": ratio, "p": p, "activation": activation, **_mean(group)}
        for (ratio, p, activation), group in groups.items()
    ]


def _mean(group: list[Trial]) -> dict[str, Any]:
    losses, first = np.array([one.loss for one in group]), group[0]
    error = first.loss_standard_error
    if len(group) > 1:
        error = float(losses.std(ddof=1)) / math.sqrt(len(group))
    loss = float(losses.mean())
    return {
        "loss": float(f"{loss:.4g}"),
        "error": float(f"{error:.1g}"),
        "over_L*": round(loss / first.theory_loss, 3),
        "over_L_end": round(loss / first.loss_end, 3),
        "over_bound": round(loss / first.loss_bound, 3),
        "bound": first.bound,
    }


def architectures_figure(trials: Sequence[Trial]) -> Figure:
    """Loss over L* against r for each activation, beside the bounds: a panel for each p."""
    rows, first = summaries(trials), trials[0]
    names = list(dict.fromkeys(one.activation for one in trials))
    r = np.linspace(0.05, 0.95, 46)

    def trained(name: str, p: float, place: int) -> Series:
        own = [row for row in rows if (row["activation"], row["p"]) == (name, p)]
        own.sort(key=lambda row: row["ratio"])
        x, over, error, loss = np.array(
            [[row[key] for key in ("ratio", "over_L*", "error", "loss")] for row in own]
        ).T
        return Series(name, x, over, place=place, error=error / loss * over)

    def panel(p: float) -> LinePanel:
        theory = [levels(float(one), p) for one in r]
        best, elementwise, oracle = np.array(
            [(one.loss, one.elementwise, one.oracle) for one in theory]
        ).T
        end = hull(p, size_that_matters(first.n_sparse, p)).loss(r)
        return LinePanel(
            f"p = {p:g}",
            "r = n_dense / n_sparse",
            "loss / L*",
            (
                Series("elementwise", r, elementwise / best, "guide"),
                Series("oracle", r, oracle / best, "guide"),
                Series("L_end", r, end / best, "optimum"),
                *(trained(name, p, place) for place, name in enumerate(names)),
            ),
            log_x=False,
            levels=(("L*", 1.0),),
        )

    return Figure(
        "architectures",
        f"Activations trained from scratch: n_sparse {first.n_sparse:,}, {first.step:,} steps.",
        tuple(panel(p) for p in sorted({one.p for one in trials})),
        columns=2,
    )
