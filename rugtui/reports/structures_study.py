"""The structures study: where training ends, and in which structure, compared with theory.

L* is a plateau, after which training finds structured interference (section 12). The losses of runs
at several ratios are compared with the paired optimum, the best vote and the lower hull of
mixtures, and their shares of features in pairs, single and abandoned with those of the hull's
phases.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
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


def finish(session: RunSession, cancelled: Callable[[], bool]) -> Ending:
    """Train a run to its end, or until cancelled, and analyse its weights."""
    training = session.trainer
    while not training.done and not cancelled():
        session.advance(cancelled)
    settings = session.settings
    generator = np.random.default_rng(settings.seed)
    known = statistics(training.weights(), settings.p, generator=generator)
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
        loss=known.exact,
        theory_loss=float(optimum(r, p).loss),
        loss_pairs=float(pairs(r, p).loss),
        loss_vote=best_vote(r, p),
        loss_end=float(end.loss(r)),
        phases=" + ".join(f"{one.share:.0%} {one.structure}" for one in end.phases(r)),
        pairs_predicted=shares["pairs"],
        singles_predicted=shares["single"],
        abandoned_predicted=shares["abandoned"],
        pairs_share=known.pairs_share,
        singles_share=known.singles_share,
        abandoned_share=known.abandoned_share,
        lopsidedness=known.lopsidedness,
        partners=known.partners,
    )


def best_vote(r: float, p: float) -> float:
    """The lowest loss of a vote of any of the usual sizes."""
    found = [structure_loss(Structure("vote", size), r, p) for size in VOTES]
    return min((loss for loss in found if loss is not None), default=math.nan)


def predicted_shares(known: Hull, r: float) -> dict[str, float]:
    """Of features in pairs (antipodal or lopsided), single, abandoned, and in votes."""
    shares = {"pairs": 0.0, "single": 0.0, "abandoned": 0.0, "vote": 0.0, "none": 0.0}
    for one in known.phases(r):
        kind = "pairs" if one.structure.kind == "lopsided" else one.structure.kind
        shares[kind] += one.share
    return shares


def structures_figure(endings: Sequence[Ending]) -> Figure:
    """Losses over L* against r, trained and predicted, and shares of features."""
    endings = sorted(endings, key=lambda one: one.ratio)
    first = endings[0]
    r = np.linspace(0.05, 0.97, 93)
    best, end = (
        np.asarray(optimum(r, first.p).loss),
        hull(first.p, size_that_matters(first.n_sparse, first.p)),
    )
    below = r[r <= 0.5]
    votes = np.array([best_vote(float(one), first.p) for one in below])
    places = np.array([one.ratio for one in endings])
    over = np.array([one.loss / one.theory_loss for one in endings])
    shares = [predicted_shares(end, float(one)) for one in r]

    def share(name: str, measured: str, place: int) -> tuple[Series, Series]:
        theory = np.array([one[name] for one in shares])
        seen = np.array([getattr(one, measured) for one in endings])
        return (
            Series(f"{name}, theory", r, theory, role="guide", place=place),
            Series(f"{name}, trained", places, seen, place=place),
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
                    Series("trained", places, over, place=3),
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
    found = []
    for p in densities:
        known = hull(p)
        found += [
            PhasePoint(
                r,
                p,
                float(known.loss(r) / optimum(r, p).loss),
                " + ".join(f"{one.share:.0%} {one.structure}" for one in known.phases(r)),
                **predicted_shares(known, r),
            )
            for r in ratios
        ]
    return found


def phases_figure(points: Sequence[PhasePoint]) -> Figure:
    """Maps over (r, p): how far below L*, and the share of features in each phase."""
    r, p = (np.array(sorted({getattr(one, name) for one in points})) for name in ("ratio", "p"))
    place = {(one.ratio, one.p): one for one in points}

    def shown(title: str, label: str, name: str) -> MapPanel:
        values = np.array([[getattr(place[x, y], name) for y in p] for x in r])
        return MapPanel(title, label, r, p, values)

    return Figure(
        "phases",
        "Which structures coexist at the end of training in theory, and how far below L* they are.",
        (
            shown("predicted end of training", "L_end / L*", "over_theory"),
            shown("features in pairs", "share", "pairs"),
            shown("single features", "share", "single"),
            shown("features in votes", "share", "vote"),
            shown("abandoned features", "share", "abandoned"),
            shown("symmetric features", "share", "none"),
        ),
        columns=3,
    )
