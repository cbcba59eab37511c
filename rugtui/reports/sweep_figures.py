"""The figures of a sweep: losses against r and against p, and maps of every quantity."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from rugtui.errors import UsageError
from rugtui.reports.figure import Figure, LinePanel, MapPanel, Role, Series
from rugtui.sweeps.quantities import (
    Cells,
    Quantity,
    best_error,
    best_loss,
    quantities,
    variants,
)
from rugtui.sweeps.table import Row
from rugtui.theory.bounds import linear
from rugtui.theory.optimum import optimum

CURVE = 200
"""Points of a theory curve."""
MOST = 3
"""The default number of fixed values, each with a panel."""
LOSS = "loss per feature"
LOSSES: dict[Role, Quantity] = {
    "trained": Quantity("trained", LOSS, "trained", best_loss),
    "population": Quantity("population", LOSS, "population", best_loss),
    "rug": Quantity("rug", LOSS, "rug", best_loss),
}
ERRORS: dict[Role, Quantity] = {
    role: replace(one, label="standard error", value=best_error) for role, one in LOSSES.items()
}
NEAR = 0.02
"""Relative difference within which a given number stands for a value of the grid."""


def sweep_figures(
    rows: Sequence[Row], *, fixed_r: Sequence[float] = (), fixed_p: Sequence[float] = ()
) -> list[Figure]:
    """Every figure of these rows; `fixed_…`: the r and p of the grid that have a panel."""
    figures = []
    for cells in _grids(rows):
        if cells.r.size > 1:
            figures.append(_against("r", cells, fixed_p))
        if cells.p.size > 1:
            figures.append(_against("p", cells, fixed_r))
        if cells.r.size > 1 and cells.p.size > 1:
            figures.append(_maps(cells))
    return figures


def _grids(rows: Sequence[Row]) -> Iterator[Cells]:
    """The cells of each n_sparse and each variant of trained models."""
    for n_sparse in sorted({row.n_sparse for row in rows}):
        own = [row for row in rows if row.n_sparse == n_sparse]
        for variant in variants(own) or (None,):
            yield Cells.of(n_sparse, own, variant)


def _name(cells: Cells) -> str:
    """The last part of a figure's name."""
    return f"n{cells.n_sparse}{variant_suffix(cells)}"


def variant_suffix(cells: Cells) -> str:
    words = cells.variant.words if cells.variant else ""
    return "".join(f"-{word}" for word in re.findall(r"\w+", words))


def _against(other: str, cells: Cells, wanted: Sequence[float]) -> Figure:
    """Losses of trained weights and rugs against r or p (`other`), at wanted values of the other
    one."""

    def measured(at: float) -> list[Series]:
        return [one for role in LOSSES for one in points(cells, role, other, at, role)]

    panels = loss_panels(other, cells, wanted, measured, log_x=other == "p")
    fixed = "p" if other == "r" else "r"
    caption = f"Loss against {other} at fixed {fixed}, n_sparse {cells.n_sparse:,}{methods(cells)}."
    return Figure(f"loss-against-{other}-{_name(cells)}", caption, panels, len(panels))


def loss_panels(
    other: str,
    cells: Cells,
    wanted: Sequence[float],
    measured: Callable[[float], list[Series]],
    *,
    log_x: bool,
) -> tuple[LinePanel, ...]:
    """Charts of loss against r or p (`other`): one for each wanted value of the one that is fixed,
    with theory and what is `measured` at that value."""
    over_r = other == "r"
    along, across = (cells.r, cells.p) if over_r else (cells.p, cells.r)
    x = (np.geomspace if log_x else np.linspace)(along[0], along[-1], CURVE)
    label, fixed = ("r = n_dense / n_sparse", "p") if over_r else ("p", "r")
    panels = []
    for k in chosen("p" if over_r else "ratio", across, wanted):
        at = float(across[k])
        r_p = (x, at) if over_r else (at, x)
        theory = (
            Series("L*", x, np.broadcast_to(optimum(*r_p).loss, x.shape), "optimum"),
            Series("linear", x, np.broadcast_to(linear(*r_p), x.shape), "linear"),
        )
        series = (*theory, *measured(at))
        panels.append(LinePanel(f"{fixed} = {at:.3g}", label, LOSS, series, log_x=log_x))
    return tuple(panels)


def points(
    cells: Cells, role: Role, other: str, at: float, name: str, place: int | None = None
) -> list[Series]:
    """Losses of one kind of weights against r or p (`other`), where the other one is nearest to
    `at`; an empty list if there are none."""
    x, fixed = (cells.r, cells.p) if other == "r" else (cells.p, cells.r)
    k = int(np.abs(fixed - at).argmin())
    where = (slice(None), k) if other == "r" else (k, slice(None))
    y = cells.values(LOSSES[role])[where]
    if not np.isfinite(y).any():
        return []
    return [Series(name, x, y, role, place, error_bars(cells, LOSSES[role], ERRORS[role])[where])]


def error_bars(
    cells: Cells, quantity: Quantity, error: Quantity
) -> Float[np.ndarray, "rows columns"]:
    """Standard deviations over seeds, or with one seed standard errors."""
    spread = cells.spread(quantity)
    return np.where(np.isfinite(spread), spread, cells.values(error))


def _maps(cells: Cells) -> Figure:
    panels = [map_of(cells, quantity) for quantity in quantities(cells.rows)]
    caption = (
        "Losses, and symmetry of trained weights, over (r, p) at n_sparse "
        f"{cells.n_sparse:,}{methods(cells, 'mean')}."
    )
    drawn = tuple(panel for panel in panels if np.isfinite(panel.values).any())
    return Figure(f"maps-{_name(cells)}", caption, drawn, min(3, len(drawn)))


def map_of(cells: Cells, quantity: Quantity) -> MapPanel:
    """One quantity over the whole grid."""
    values = cells.values(quantity)
    log = quantity.log and not (values <= 0).any()
    return MapPanel(quantity.name, quantity.label, cells.r, cells.p, values, quantity.middle, log)


def methods(cells: Cells, of_seeds: str = "bars: spread") -> str:
    """How the weights were made, for a caption; `of_seeds`: what the figure shows of the seeds."""
    parts = []
    if cells.variant:
        parts = [f", trained by SGD{', ' * bool(cells.variant.words)}{cells.variant.words}"]
        if steps := {row.steps for row in cells.rows if row.kind == "trained" and row.steps}:
            most = f" to {max(steps):,}" if len(steps) > 1 else ""
            parts.append(f", {min(steps):,}{most} steps")
    if any(row.kind == "population" for row in cells.rows):
        parts.append(", population by gradient descent on the Gaussian loss")
    seeds = len({row.seed for row in cells.rows if row.seed is not None})
    return "".join([*parts, f"; {of_seeds} of {seeds} seeds" if seeds > 1 else ""])


def chosen(name: str, values: Float[np.ndarray, " n"], wanted: Sequence[float]) -> list[int]:
    """Indices of the given values, or of a few that span the grid: evenly in r, or in log p.

    Raises UsageError for a value that the grid does not have.
    """
    if not len(wanted):
        if values.size <= MOST:
            return list(range(values.size))
        spread = np.linspace if name == "ratio" else np.geomspace
        inner = spread(values[0], values[-1], MOST + 2)[1:-1]
        return sorted({int(np.abs(np.log(values / one)).argmin()) for one in inner})
    indices = set()
    for one in wanted:
        index = int(np.abs(values - one).argmin())
        if abs(values[index] - one) > NEAR * values[index]:
            available = ", ".join(f"{value:.4g}" for value in values)
            raise UsageError(f"The sweep has no {name} {one:g}; it has {available}.")
        indices.add(index)
    return sorted(indices)
