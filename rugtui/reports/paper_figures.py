"""The paper's figures as its own scripts draw them, for comparison with the published ones.

Maps over (r, p) have a panel for each n_sparse and one scale for all, linear and logarithmic;
losses at several n_sparse share a plot; for one model, a corner of W, two histograms and the rank.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Literal

import numpy as np

from rugtui.analysis.glossary import PAPER
from rugtui.analysis.paper import CELLS
from rugtui.models.dense import Dense
from rugtui.reports.figure import Figure, LinePanel, MapPanel, Role, Series, WeightsPanel, number
from rugtui.reports.sweep_figures import (
    LOSS,
    loss_panels,
    methods,
    points,
    variant_suffix,
)
from rugtui.sweeps.grid import Kind
from rugtui.sweeps.quantities import Cells, Quantity, best_loss, variants
from rugtui.sweeps.table import Row

KINDS: tuple[Literal["trained", "population"], ...] = ("trained", "population")
"""Weights that need not be symmetric; the rows of a rug are, by construction."""
CORNER = 30
BINS = {"diagonal": 30, "off the diagonal": 100}


def unmeasured(rows: Sequence[Row]) -> bool:
    """Whether no weights of these rows have the paper's quantities, as in sweeps of version 0.1."""
    done = [row for row in rows if row.kind in KINDS and row.status == "done"]
    return bool(done) and all(row.lambda_max is None for row in done)


def paper_figures(
    rows: Sequence[Row], *, fixed_r: Sequence[float] = (), fixed_p: Sequence[float] = ()
) -> Iterator[Figure]:
    """Every figure of a sweep's rows, once for each variant of trained models."""
    features = sorted({row.n_sparse for row in rows})
    for place, variant in enumerate(variants(rows) or (None,) * bool(rows)):
        sizes = [Cells.of(n_sparse, rows, variant) for n_sparse in features]
        r, p = sizes[-1].r, sizes[-1].p
        if r.size > 1:
            yield _losses(sizes, "r", fixed_p)
        if p.size > 1:
            yield _losses(sizes, "p", fixed_r)
        if r.size > 1 and p.size > 1:
            for kind in KINDS if place == 0 else KINDS[:1]:  # population has no variants
                loss = Quantity("loss", LOSS, kind, best_loss)
                own = [Quantity(*one, kind, attrgetter(one[0])) for one in PAPER.items()]
                for quantity in (loss, *own):
                    yield from _maps(sizes, quantity)


def _maps(sizes: Sequence[Cells], quantity: Quantity) -> Iterator[Figure]:
    """A linear and a logarithmic version, if there is something to draw."""
    kind = quantity.kind
    name = f"paper-{quantity.name.replace('_', '-')}"
    name += f"-{kind}" if kind == "population" else variant_suffix(sizes[-1])
    values = [cells.values(quantity) for cells in sizes]
    for scale, shown in (
        ("linear", values),
        ("log", [np.where(one > 0, one, np.nan) for one in values]),
    ):
        numbers = np.concatenate([one[np.isfinite(one)] for one in shown])
        if not numbers.size:
            continue
        ends = float(numbers.min()), float(numbers.max())
        label = f"{quantity.label} ({kind})"
        panels = tuple(
            MapPanel(
                f"n_sparse = {cells.n_sparse:,}",
                label,
                cells.r,
                cells.p,
                one,
                log=scale == "log",
                ends=ends,
            )
            for cells, one in zip(sizes, shown, strict=True)
        )
        caption = (
            f"{label} over (r, p){methods(_whole(sizes, kind), 'mean')}; one {scale} scale, from "
            f"{number(ends[0])} to {number(ends[1])}."
        )
        yield Figure(f"{name}-{scale}", caption, panels, min(3, len(panels)))


def _whole(sizes: Sequence[Cells], *kinds: Kind) -> Cells:
    """The rows of all sizes, for the caption."""
    rows = tuple(row for cells in sizes for row in cells.rows if row.kind in kinds)
    return replace(sizes[-1], rows=rows, variant=sizes[-1].variant if "trained" in kinds else None)


def _losses(sizes: Sequence[Cells], other: str, wanted: Sequence[float]) -> Figure:
    """Losses against r or p (`other`) at every n_sparse, and of the rug at the largest."""
    largest = sizes[-1]

    def losses(cells: Cells, kind: Role, at: float, place: int | None = None) -> list[Series]:
        return points(cells, kind, other, at, f"{kind}, n_sparse {cells.n_sparse:,}", place)

    def measured(at: float) -> list[Series]:
        trained = (losses(one, kind, at, k) for kind in KINDS for k, one in enumerate(sizes))
        return [*itertools.chain(*trained), *losses(largest, "rug", at)]

    panels = loss_panels(other, largest, wanted, measured, log_x=False)
    features = ", ".join(f"{cells.n_sparse:,}" for cells in sizes)
    caption = f"Loss against {other}, n_sparse {features}{methods(_whole(sizes, *KINDS))}."
    name = f"paper-loss-against-{other}{variant_suffix(largest)}"
    return Figure(name, caption, panels, min(3, len(panels)))


def corner_figure(weights: Dense, about: str, name: str = "paper-corner") -> Figure:
    """The first CORNER rows and columns of W, histograms of the diagonal and of the rest, rank."""
    side, rank_of_W = min(CORNER, weights.n_sparse), rank(weights)
    corner = weights.rows(np.arange(side))[:, :side]
    top = float(np.abs(corner).max()) or 1.0
    title = f"{side} × {side} corner of W, whose rank is {rank_of_W:,}"
    diagonal = weights.diagonal()
    panels = (
        WeightsPanel(title, side, top, corner, weights.biases()[:side]),
        _histogram("diagonal", "W_ii", lambda: [diagonal]),
        _histogram("off the diagonal", "W_ij, i ≠ j", lambda: _off_diagonal(weights)),
    )
    return Figure(name, f"W {about}: rank {rank_of_W:,} of {weights.n_sparse:,}.", panels, 3)


def rank(weights: Dense) -> int:
    """The rank of W = W_out W_in, from the singular values of an n_dense × n_dense matrix.

    With QR decompositions W_out = Q R and W_inᵀ = P S, W is Q (R Sᵀ) Pᵀ. Counted as NumPy does for
    the single precision in which weights are trained: above n_sparse ε of the largest.
    """
    W_out, W_in = (one.detach().cpu().double().numpy() for one in (weights.W_out, weights.W_in))
    R, S = np.linalg.qr(W_out).R, np.linalg.qr(W_in.T).R
    values = np.linalg.svd(R @ S.T, compute_uv=False)
    least = values.max(initial=0) * weights.n_sparse * np.finfo(np.float32).eps
    return int(np.count_nonzero(values > least))


def _off_diagonal(weights: Dense) -> Iterator[np.ndarray]:
    """The entries of W off the diagonal, about CELLS at a time."""
    n = weights.n_sparse
    for rows in np.array_split(np.arange(n), -(-n * n // CELLS)):
        yield weights.rows(rows)[rows[:, None] != np.arange(n)]


def _histogram(title: str, label: str, parts: Callable[[], Iterable[np.ndarray]]) -> LinePanel:
    """The outline of a histogram of values that `parts` gives in parts, each time it is called."""
    sizes, sums, squares, least, most = np.transpose(
        [(one.size, one.sum(), (one**2).sum(), one.min(), one.max()) for one in parts() if one.size]
    )
    mean = sums.sum() / sizes.sum()
    spread = np.sqrt(max(squares.sum() / sizes.sum() - mean**2, 0.0))
    edges = np.histogram_bin_edges(np.array([least.min(), most.max()]), BINS[title])
    counts = np.sum([np.histogram(one, edges)[0] for one in parts()], axis=0)
    about = f"mean {number(float(mean))}, std {number(float(spread))}"
    outline = np.pad(np.repeat(counts, 2), 1).astype(float)
    series = Series(about, np.repeat(edges, 2), outline, "histogram")
    return LinePanel(title, label, "entries", (series,), log_x=False, log_y=False)
