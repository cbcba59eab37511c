"""The figures of the rug, which need no sweep: how its loss converges, and the pattern of W."""

from __future__ import annotations

import numpy as np
import torch

from rugtui.analysis.statistics import statistics
from rugtui.models.base import Weights, Window
from rugtui.models.constructions import default_construction, engineered
from rugtui.reports.figure import Figure, LinePanel, Series, WeightsPanel
from rugtui.settings.settings import Construction
from rugtui.storage.heatmap import off_diagonal_scale
from rugtui.theory.levels import levels

RATIO = 0.25
SIZES = tuple(2**k for k in range(6, 17, 2))
DENSITIES = (0.002, 0.01, 0.05)
SEEDS = 4
"""Rugs of different rows at each size: at small sizes the choice changes the loss by 1 or 2 %."""
FRACTAL = 256, 40
"""n_sparse and n_dense where single entries are visible; 2^k rows would only give a grid."""
FAINT = 0.9
"""The quantile of |W_ij| where the fractal's colour scale ends: most of it is faint."""
SIDE = 512
"""Pixels of a picture of W at most."""
TITLES: dict[Construction, str] = {
    "natural": "first rows of H in natural order",
    "sequency": "first rows by sequency",
    "hadamard": "rows in random order: the rug",
}


def convergence_figure(seed: int = 0) -> Figure:
    """Exact loss of rugs over L*, less 1, against n_sparse (section 7); it falls like 1/(n p)."""
    series = []
    for place, p in enumerate(DENSITIES):
        best = levels(RATIO, p).loss
        excess = np.array(
            [[_exact(n, p, seed + k) / best - 1 for k in range(SEEDS)] for n in SIZES]
        )
        mean = excess.mean(1)
        error = excess.std(1, ddof=1) / np.sqrt(SEEDS)
        x = np.array(SIZES, float)
        series.append(
            Series(f"p = {p:g}", x, np.where(mean > 0, mean, np.nan), "rug", place, error)
        )
    x = np.array(SIZES, float)
    guide = Series("∝ 1/n_sparse", x, 2 * series[1].y[-1] * x[-1] / x, "guide")
    lines = LinePanel(
        f"rugs at r = {RATIO:g}, mean of {SEEDS}",
        "n_sparse",
        "exact loss / L* − 1",
        (*series, guide),
    )
    caption = (
        f"The exact loss of Hadamard rugs comes down to the symmetric prediction: n_sparse "
        f"{SIZES[0]:,} to {SIZES[-1]:,}."
    )
    return Figure("rug-convergence", caption, (lines,))


def fractal_figure(seed: int = 0) -> Figure:
    """W made of the first rows of H, and of random rows, which look like noise."""
    n_sparse, n_dense = FRACTAL
    panels = []
    for construction, title in TITLES.items():
        rug = _rug(construction, n_sparse, n_dense, 0.05, seed)
        top = float(np.quantile(np.abs(rug.rows(np.array([0])))[0, 1:], FAINT))
        panels.append(
            WeightsPanel(
                title, n_sparse, top, rug.pooled(Window.whole(n_sparse), n_sparse, n_sparse)
            )
        )
    caption = (
        f"The fractal in the rug: n_sparse {n_sparse}, W of {n_dense} rows of a Hadamard matrix."
    )
    return Figure("fractal", caption, tuple(panels), columns=3)


def weights_figure(weights: Weights, p: float, about: str, kind: str, seed: int = 0) -> Figure:
    """W and biases of weights (trained or population) and of the rug of the same size."""
    n_sparse, n_dense = weights.n_sparse, weights.n_dense
    construction = default_construction(n_sparse)
    rug = _rug(construction, n_sparse, n_dense, p, seed)
    panels = weights_panel(kind, weights), weights_panel(f"rug ({construction})", rug)
    return Figure("weights", f"W and bias of {kind} weights and of the rug, {about}.", panels, 2)


def weights_panel(title: str, weights: Weights) -> WeightsPanel:
    side = min(weights.n_sparse, SIDE)
    edges = np.arange(side) * weights.n_sparse // side
    biases = np.add.reduceat(weights.biases(), edges)
    biases = biases / np.diff(np.append(edges, weights.n_sparse))
    pixels = weights.pooled(Window.whole(weights.n_sparse), side, side)
    return WeightsPanel(title, weights.n_sparse, off_diagonal_scale(weights), pixels, biases)


def _rug(construction: Construction, n_sparse: int, n_dense: int, p: float, seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    return engineered(construction, n_sparse, n_dense, p, generator=generator)


def _exact(n_sparse: int, p: float, seed: int) -> float:
    rug = _rug("hadamard", n_sparse, round(RATIO * n_sparse), p, seed)
    return statistics(rug, p, generator=np.random.default_rng(seed)).exact
