"""The quantities that a map over (r, p) can show, computed from the rows of a cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.sweeps.grid import Kind, Variant
from rugtui.sweeps.table import Row


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the rows of one kind. `middle` is its value according to theory, `log` whether
    its scale is logarithmic."""

    name: str
    label: str
    kind: Kind
    value: Callable[[Row], float | None]
    middle: float | None = None
    log: bool = False

    def of(self, row: Row) -> float:
        """NaN if the row has none."""
        value = self.value(row) if row.kind == self.kind and row.status == "done" else None
        return float("nan") if value is None else value


def best_loss(row: Row) -> float | None:
    """The exact or the sampled loss, whichever has the smaller standard error."""
    if row.loss_exact is None or row.loss is None:
        return row.loss if row.loss_exact is None else row.loss_exact
    exact, sampled = row.loss_exact_standard_error or 0.0, row.standard_error or math.inf
    return row.loss_exact if exact <= sampled else row.loss


def best_error(row: Row) -> float | None:
    """The standard error of `best_loss`."""
    exact = best_loss(row) is not None and best_loss(row) == row.loss_exact
    return row.loss_exact_standard_error if exact else row.standard_error


def over_theory(row: Row) -> float | None:
    loss = best_loss(row)
    return None if loss is None or not row.theory_loss else loss / row.theory_loss


QUANTITIES = (
    Quantity("trained over L*", "trained loss / L*", "trained", over_theory, 1.0, True),
    Quantity("rug over L*", "rug loss / L*", "rug", over_theory, 1.0, True),
    Quantity("population over L*", "population loss / L*", "population", over_theory, 1.0, True),
    Quantity("trained loss", "trained loss per feature", "trained", best_loss, log=True),
    Quantity("rug loss", "rug loss per feature", "rug", best_loss, log=True),
    Quantity("population loss", "population loss per feature", "population", best_loss, log=True),
    Quantity("L*", "L* per feature", "theory", lambda row: row.theory_loss, log=True),
    Quantity("diagonal", "mean of a_i", "trained", lambda row: row.diagonal_mean),
    Quantity("spread of diagonal", "spread of a_i", "trained", lambda row: row.diagonal_spread),
    Quantity("bias", "mean of b_i + μ_i", "trained", lambda row: row.bias_mean),
    Quantity("spread of bias", "spread of b_i + μ_i", "trained", lambda row: row.bias_spread),
    Quantity("spread of noise", "spread of σ_i", "trained", lambda row: row.noise_spread),
    Quantity("skew", "skew of W off the diagonal", "trained", lambda row: row.skew, 0.0),
    Quantity("interferers", "effective interferers", "trained", lambda row: row.interferers),
    Quantity("lyapunov", "Lyapunov ratio", "trained", lambda row: row.lyapunov),
    Quantity("pairs", "share in mutual pairs", "trained", lambda row: row.pairs_share),
    Quantity("singles", "share of single features", "trained", lambda row: row.singles_share),
    Quantity("abandoned", "share of abandoned ones", "trained", lambda row: row.abandoned_share),
    Quantity("partners", "strong negative partners", "trained", lambda row: row.partners),
    Quantity("KS", "KS distance of ν to normal", "trained", lambda row: row.kolmogorov_smirnov),
)


def quantities(rows: Iterable[Row]) -> tuple[Quantity, ...]:
    """Those for which there are rows."""
    kinds = {row.kind for row in rows}
    return tuple(one for one in QUANTITIES if one.kind in kinds)


def variants(rows: Iterable[Row]) -> tuple[Variant, ...]:
    """The variants of trained models in these rows, the default first."""
    found = {row.variant for row in rows if row.variant is not None}
    return tuple(sorted(found, key=lambda one: (bool(one.words), one.words)))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The rows of one n_sparse on a grid, with r upwards and p to the right, and of trained models
    only one variant."""

    n_sparse: int
    r: Float[np.ndarray, " rows"]
    p: Float[np.ndarray, " columns"]
    rows: tuple[Row, ...]
    variant: Variant | None = None

    @classmethod
    def of(cls, n_sparse: int, rows: Sequence[Row], variant: Variant | None = None) -> Cells:
        """A grid of these rows, by default of the first variant."""
        own = [row for row in rows if row.n_sparse == n_sparse]
        variant = variant or next(iter(variants(own)), None)
        own = [row for row in own if row.variant in (None, variant)]
        r, p = ({getattr(row, name) for row in own} for name in ("ratio", "p"))
        return cls(n_sparse, np.array(sorted(r)), np.array(sorted(p)), tuple(own), variant)

    def values(self, quantity: Quantity) -> Float[np.ndarray, "rows columns"]:
        """Means over seeds; NaN without a value."""
        return self._of_seeds(quantity)[0]

    def spread(self, quantity: Quantity) -> Float[np.ndarray, "rows columns"]:
        """Standard deviations over seeds; NaN with fewer than two."""
        _, square, count = self._of_seeds(quantity)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 1, np.sqrt(square / (count - 1)), np.nan)

    def _of_seeds(self, quantity: Quantity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, sum of squared deviations (Welford's algorithm), and number of seeds."""
        mean, square, count = (np.zeros((self.r.size, self.p.size)) for _ in range(3))
        for row, i, k in self._placed(quantity.kind):
            value = quantity.of(row)
            if np.isfinite(value):
                count[i, k] += 1
                off = value - mean[i, k]
                mean[i, k] += off / count[i, k]
                square[i, k] += off * (value - mean[i, k])
        return np.where(count > 0, mean, np.nan), square, count

    def without(self, quantity: Quantity) -> dict[tuple[int, int], bool]:
        """The cells [i, k] without a value: True if they failed, False if they are not computed
        yet."""
        known = np.isfinite(self.values(quantity))
        rows = [(row.status == "failed", (i, k)) for row, i, k in self._placed(quantity.kind)]
        there, failed = {place for _, place in rows}, {place for bad, place in rows if bad}
        blank = (tuple(map(int, place)) for place in np.argwhere(~known))
        return {
            (i, k): (i, k) in failed for i, k in blank if (i, k) in failed or (i, k) not in there
        }

    def at(self, i: int, k: int, kind: Kind) -> list[Row]:
        """The rows of a cell, one per seed."""
        return [row for row, *place in self._placed(kind) if place == [i, k]]

    def _placed(self, kind: Kind) -> Iterable[tuple[Row, int, int]]:
        for row in self.rows:
            if row.kind == kind:
                i, k = (
                    int(np.searchsorted(*pair)) for pair in ((self.r, row.ratio), (self.p, row.p))
                )
                if i < self.r.size and k < self.p.size:
                    yield row, i, k
