"""The structures study: where training ends below L*, and in which structure (theory, section 12).

Losses of runs at several ratios are compared with the paired optimum, the best vote and the lower
hull of their mixtures; shares of features in pairs, single and abandoned with those of the hull's
phases.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rugtui.analysis.statistics import statistics
from rugtui.live.run_session import RunSession
from rugtui.reports.figure import Figure, LinePanel, MapPanel, Series
from rugtui.storage.files import plain
from rugtui.theory.hull import VOTES, Hull, hull, size_that_matters
from rugtui.theory.optimum import optimum
from rugtui.theory.pairs import pairs
from rugtui.theory.structures import Structure, structure_loss

PHASE_MAPS = {
    "over_theory": "predicted end of training",
    "pairs": "features in pairs",
    "single": "single features",
    "vote": "features in votes",
    "abandoned": "abandoned features",
    "none": "symmetric features",
}
"""Field of `PhasePoint` → title of its map."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A run at its last step, and the theory at its ratio. Losses are per feature."""

    n_sparse: int
    n_dense: int
    p: float
    seed: int
    step: int
    complete: bool
    loss: float
    """Exact loss of the weights."""
    theory_loss: float
    loss_pairs: float
    loss_vote: float
    """Of the best vote."""
    loss_end: float
    """Of the hull; at this size if few features are on."""
    phases: str
    pairs_predicted: float
    singles_predicted: float
    abandoned_predicted: float
    pairs_share: float
    singles_share: float
    abandoned_share: float
    lopsidedness: float
    partners: float

    @property
    def ratio(self) -> float:
        return self.n_dense / self.n_sparse

    def as_dict(self) -> dict[str, Any]:
        over = self.loss / self.theory_loss
        return plain({**dataclasses.asdict(self), "ratio": self.ratio, "loss_over_theory": over})

    @property
    def progress(self) -> tuple[str, str]:
        """Which run it is, and its result, for people who wait."""
        trained, predicted = (loss / self.theory_loss for loss in (self.loss, self.loss_end))
        return f"r {self.ratio:.3f}", f"{trained:.3f} L*, predicted {predicted:.3f}"


def measure_ending(session: RunSession) -> Ending:
    """The loss and the structure of a run's newest weights."""
    training, settings = session.trainer, session.settings
    generator = np.random.default_rng(settings.seed)
    measured = statistics(training.weights(), settings.p, generator=generator)
    r, p, n_sparse = settings.ratio, settings.p, settings.n_sparse
    end = hull(p, size_that_matters(n_sparse, p))
    shares = predicted_shares(end, r)
    return Ending(
        n_sparse=n_sparse,
        n_dense=settings.n_dense,
        p=p,
        seed=settings.seed,
        step=training.step,
        complete=training.done,
        loss=measured.exact,
        theory_loss=float(optimum(r, p).loss),
        loss_pairs=float(pairs(r, p).loss),
        loss_vote=best_vote(r, p),
        loss_end=float(end.loss(r)),
        phases=phase_text(end, r),
        pairs_predicted=shares["pairs"],
        singles_predicted=shares["single"],
        abandoned_predicted=shares["abandoned"],
        pairs_share=measured.pairs_share,
        singles_share=measured.singles_share,
        abandoned_share=measured.abandoned_share,
        lopsidedness=measured.lopsidedness,
        partners=measured.partners,
    )


def best_vote(r: float, p: float) -> float:
    """The lowest loss of a vote of any of the usual sizes; NaN if none exists at this r."""
    losses = [structure_loss(Structure("vote", size), r, p) for size in VOTES]
    return min((loss for loss in losses if loss is not None), default=math.nan)


def phase_text(mixtures: Hull, r: float) -> str:
    """As in "50% lopsided + 50% single"."""
    return " + ".join(f"{one.share:.0%} {one.structure}" for one in mixtures.phases(r))


def predicted_shares(mixtures: Hull, r: float) -> dict[str, float]:
    """Shares of features in pairs (antipodal or lopsided), single, abandoned, and in votes."""
    names = ("pairs", "single", "abandoned", "vote", "none")
    shares: dict[str, float] = dict.fromkeys(names, 0.0)
    for one in mixtures.phases(r):
        kind = "pairs" if one.structure.kind == "lopsided" else one.structure.kind
        shares[kind] += one.share
    return shares


def structures_figure(endings: Sequence[Ending]) -> Figure:
    """Losses over L* against r, trained and predicted, and shares of features."""
    endings = sorted(endings, key=lambda one: one.ratio)
    first = endings[0]
    r = np.linspace(0.05, 0.97, 93)
    best = np.asarray(optimum(r, first.p).loss)
    end = hull(first.p, size_that_matters(first.n_sparse, first.p))
    below = r[r <= 0.5]
    votes = np.array([best_vote(float(one), first.p) for one in below])
    trained_r = np.array([one.ratio for one in endings])
    over = np.array([one.loss / one.theory_loss for one in endings])
    predicted = [predicted_shares(end, float(one)) for one in r]

    def share(name: str, measured: str, place: int) -> tuple[Series, Series]:
        theory = np.array([one[name] for one in predicted])
        trained = np.array([getattr(one, measured) for one in endings])
        return (
            Series(f"{name}, theory", r, theory, role="guide", place=place),
            Series(f"{name}, trained", trained_r, trained, place=place),
        )

    return Figure(
        "structures",
        f"Where training ends at p = {first.p:g}: n_sparse {first.n_sparse:,}, "
        f"{first.step:,} steps, against r.",
        (
            LinePanel(
                "loss over the symmetric prediction",
                "r = n_dense / n_sparse",
                "exact loss / L*",
                (
                    Series("pairs", r, np.asarray(pairs(r, first.p).loss) / best, "linear"),
                    Series("best vote", below, votes / best[: len(below)], "guide"),
                    Series("hull", r, end.loss(r) / best, "optimum"),
                    Series("trained", trained_r, over, place=3),
                ),
                log_x=False,
                log_y=False,
                levels=(("L*", 1.0),),
            ),
            LinePanel(
                "shares of features",
                "r = n_dense / n_sparse",
                "share",
                (
                    *share("pairs", "pairs_share", 0),
                    *share("single", "singles_share", 1),
                    *share("abandoned", "abandoned_share", 2),
                ),
                log_x=False,
                log_y=False,
            ),
        ),
        columns=2,
    )


@dataclass(frozen=True, slots=True)
class PhasePoint:
    """The phases that coexist at (r, p) according to theory, and how far below L* they are."""

    ratio: float
    p: float
    over_theory: float
    """L_end / L*."""
    phases: str
    pairs: float
    single: float
    abandoned: float
    vote: float
    none: float


def phase_points(ratios: Sequence[float], densities: Sequence[float]) -> list[PhasePoint]:
    """The phase diagram at large n_sparse, p by p."""
    points = []
    for p in densities:
        mixtures = hull(p)
        points += [
            PhasePoint(
                r,
                p,
                float(mixtures.loss(r) / optimum(r, p).loss),
                phase_text(mixtures, r),
                **predicted_shares(mixtures, r),
            )
            for r in ratios
        ]
    return points


def phases_figure(points: Sequence[PhasePoint]) -> Figure:
    """Maps over (r, p): how far below L*, and the share of features in each phase."""
    r, p = (np.array(sorted({getattr(one, name) for one in points})) for name in ("ratio", "p"))
    by_place = {(one.ratio, one.p): one for one in points}

    def panel(name: str, title: str) -> MapPanel:
        values = np.array([[getattr(by_place[x, y], name) for y in p] for x in r])
        return MapPanel(title, "L_end / L*" if name == "over_theory" else "share", r, p, values)

    return Figure(
        "phases",
        "Which structures coexist at the end of training in theory, and how far below L* they are.",
        tuple(panel(name, title) for name, title in PHASE_MAPS.items()),
        columns=3,
    )
