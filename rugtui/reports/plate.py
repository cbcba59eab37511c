"""What there is to see in a figure, as values: the same for print and for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Role = Literal["trained", "rug", "optimum", "linear", "guide"]
"""What a series is, which decides how it is drawn in every figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values over ascending x; NaN is a gap. `place` is that of one among ordered series."""

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    role: Role = "trained"
    place: int | None = None
    error: Float[np.ndarray, " n"] | None = None
    """Standard errors."""

    @property
    def is_measured(self) -> bool:
        """Whether points were measured, and not a curve computed."""
        return self.place is not None or self.role in ("trained", "rug")


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A chart. Labels have their units."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = True
    log_y: bool = True
    levels: tuple[tuple[str, float], ...] = ()
    """Named values across the whole chart."""
    legend_columns: int = 1
    """Of a chart that has more room in width than in height."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A quantity over (r, p): values[i, k] at r[i] and p[k]; NaN where there is none.

    `middle` is the value that means "none of it": colours part there, and without one they rise
    from the least value to the greatest.
    """

    title: str
    label: str
    r: Float[np.ndarray, " rows"]
    p: Float[np.ndarray, " columns"]
    values: Float[np.ndarray, "rows columns"]
    middle: float | None = None
    log: bool = False
    """Whether colours go with the logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Weave:
    """W as block means, rows and columns of features, and at will the biases of its rows."""

    title: str
    n_sparse: int
    top: float
    """The |W_ij| at which colours end; the diagonal may be beyond."""
    pixels: Float[np.ndarray, "side side"]
    biases: Float[np.ndarray, " side"] | None = None


Panel = Lines | Map | Weave


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """One figure: panels of one sort, `columns` to a row."""

    name: str
    """Of its files."""
    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1
