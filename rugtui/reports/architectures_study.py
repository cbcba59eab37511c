"""Whether another activation does better than a ReLU: each is trained from scratch at the same
(r, p), and its loss is held against L* and against what theory allows it.

No elementwise change of the decoder, and no filter of its outputs, should gain more than a constant
factor over L* at symmetric weights (section 5). Training is free to break the symmetry, for every
activation: the predicted end of training with a ReLU (section 12) stands beside them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rugtui.live.loss_sampler import TrainedSampler
from rugtui.live.run_session import RunSession
from rugtui.reports.figure import Figure, LinePanel, Series
from rugtui.storage.files import plain
from rugtui.theory.hull import hull, size_that_matters
from rugtui.theory.levels import Levels, levels

SAMPLES = 65_536
"""Fresh samples for each loss, the same ones for every activation."""


@dataclass(frozen=True, slots=True)
class Trial:
    """An activation at one (r, p) and seed, as it was trained. Losses are per feature."""

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


def finish(session: RunSession, cancelled: Callable[[], bool]) -> Trial:
    """Train a run to its end, or until cancelled, and measure its loss."""
    training = session.trainer
    while not training.done and not cancelled():
        session.advance(cancelled)
    settings = session.settings
    sampler = TrainedSampler(settings, training.weights())
    while sampler.count < SAMPLES:
        sampler.sample()
    loss, error = sampler.loss()
    r, p, n_sparse = settings.ratio, settings.p_on, settings.n_sparse
    known = levels(r, p)
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
        theory_loss=known.loss,
        loss_end=float(hull(p, size_that_matters(n_sparse, p)).loss(r)),
        bound=bound,
        loss_bound=getattr(known, bound),
    )


def bound_of(activation: str) -> str:
    """The field of `Levels` that bounds an activation at symmetric weights (section 5)."""
    return {"identity": "linear", "topk": "oracle"}.get(activation, "elementwise")


def summaries(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """A row for each activation at each (r, p), in the order of the trials: means over seeds.

    `error` is that of the mean loss: from the spread over seeds if there are several, else of
    sampling.
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
    found, first = summaries(trials), trials[0]
    names = list(dict.fromkeys(one.activation for one in trials))
    r = np.linspace(0.05, 0.95, 46)

    def panel(p: float) -> LinePanel:
        known = [levels(float(one), p) for one in r]

        def curve(name: str) -> np.ndarray:
            return np.array([_over(one, name) for one in known])

        end = hull(p, size_that_matters(first.n_sparse, p)).loss(r)
        return LinePanel(
            f"p = {p:g}",
            "r = n_dense / n_sparse",
            "loss / L*",
            (
                Series("elementwise", r, curve("elementwise"), "guide"),
                Series("oracle", r, curve("oracle"), "guide"),
                Series("L_end", r, end / [one.loss for one in known], "optimum"),
                *(_trained(name, k, p) for k, name in enumerate(names)),
            ),
            log_x=False,
            levels=(("L*", 1.0),),
        )

    def _trained(name: str, place: int, p: float) -> Series:
        own = [one for one in found if (one["activation"], one["p"]) == (name, p)]
        own.sort(key=lambda one: one["ratio"])
        x, y, error = (
            np.array(values)
            for values in (
                [one["ratio"] for one in own],
                [one["over_L*"] for one in own],
                [one["error"] / one["loss"] * one["over_L*"] for one in own],
            )
        )
        return Series(name, x, y, place=place, error=error)

    return Figure(
        "architectures",
        f"Activations trained from scratch: n_sparse {first.n_sparse:,}, {first.step:,} steps.",
        tuple(panel(p) for p in sorted({one.p for one in trials})),
        columns=2,
    )


def _over(known: Levels, name: str) -> float:
    return getattr(known, name) / known.loss
