"""The values of a figure, before it is drawn into a file or in the terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from jaxtyping import Float

from rugtui.errors import UsageError

MOST = 0.9
"""If there are outliers, the colours cover at least this share of a map's cells."""
FAR = 3.0
"""Outliers are further away than this multiple of the range of the rest."""
LEAST_RATIO = 1.01
"""Least ratio of an end of a logarithmic scale to its middle."""
Role = Literal["trained", "population", "rug", "optimum", "linear", "guide", "histogram"]
"""What a series is, which decides how it is drawn in every figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values over ascending x; NaN is a gap. `place` is its index among ordered series."""

    name: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    role: Role = "trained"
    place: int | None = None
    error: Float[np.ndarray, " n"] | None = None
    """Standard errors."""

    @property
    def is_measured(self) -> bool:
        """Whether these are measured points, not a computed curve."""
        return self.place is not None or self.role in ("trained", "population", "rug")


@dataclass(frozen=True, slots=True, eq=False)
class LinePanel:
    """A chart. Labels have their units."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = True
    log_y: bool = True
    levels: tuple[tuple[str, float], ...] = ()
    """Horizontal lines: name and value."""
    legend_columns: int = 1
    """More than 1 for a chart that is wider than high."""


@dataclass(frozen=True, slots=True, eq=False)
class MapPanel:
    """A quantity over (r, p): values[i, k] at r[i] and p[k]; NaN if unknown.

    Colours diverge from `middle`, or rise from the least value to the greatest if it is None.
    """

    title: str
    label: str
    r: Float[np.ndarray, " rows"]
    p: Float[np.ndarray, " columns"]
    values: Float[np.ndarray, "rows columns"]
    middle: float | None = None
    log: bool = False
    """Whether the colour scale is logarithmic."""
    ends: tuple[float, float] | None = None
    """The values of the two end colours, where several maps share a scale."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightsPanel:
    """W as block means, optionally with the biases of its rows."""

    title: str
    n_sparse: int
    top: float
    """The |W_ij| where the colour scale ends; the diagonal may be beyond."""
    pixels: Float[np.ndarray, "side side"]
    biases: Float[np.ndarray, " side"] | None = None


Panel = LinePanel | MapPanel | WeightsPanel


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Panels of one kind, `columns` to a row."""

    name: str
    """The name of its files."""
    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1


@dataclass(frozen=True, slots=True)
class ColourRange:
    """The values of the two end colours, and whether cells are beyond them: outliers, such as the
    first row and column of a grid often are."""

    low: float
    high: float
    log: bool
    below: bool = False
    above: bool = False

    @classmethod
    def of(cls, panel: MapPanel) -> ColourRange:
        """Symmetric around the middle if there is one, otherwise from the least value to the
        greatest; without outliers."""
        values = panel.values[np.isfinite(panel.values)]
        log = panel.log and values.size > 0 and bool((values > 0).all())
        if not values.size:
            return cls(0.0, 1.0, False)
        if panel.ends is not None:
            low, high = panel.ends
        elif panel.middle is not None:
            low, high = _around(values, panel.middle, log)
        else:
            low, high = (float(values.min()), float(values.max())) if log else _most(values)
        if not high > low:
            high = low + (abs(low) or 1.0)
        return cls(low, high, log, bool(values.min() < low), bool(values.max() > high))


def _around(values: np.ndarray, middle: float, log: bool) -> tuple[float, float]:
    if log:
        away = np.abs(np.log(values / middle))
        ratio = np.exp(max(_reach(away), np.log(LEAST_RATIO)))
        return float(middle / ratio), float(middle * ratio)
    reach = max(_reach(np.abs(values - middle)), 1e-12)
    return middle - reach, middle + reach


def _reach(away: np.ndarray) -> float:
    """The greatest distance from the middle, without outliers."""
    most, all_of_them = np.quantile(away, MOST), away.max()
    return float(most if 0 < FAR * most < all_of_them else all_of_them)


def _most(values: np.ndarray) -> tuple[float, float]:
    """The least and the greatest value, without outliers."""
    low, high = float(values.min()), float(values.max())
    first, last = (float(end) for end in np.quantile(values, [1 - MOST, MOST]))
    reach = last - first
    if 0 < FAR * reach < high - low:
        low, high = max(low, first - reach), min(high, last + reach)
    return low, high


def number(value: float) -> str:
    """A number with up to three digits: 0.05, 1e-4, 2,048."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    exponent = math.floor(math.log10(abs(value)))
    return f"{value / 10**exponent:.2g}e{exponent}"


def require_matplotlib() -> None:
    """Raises UsageError, with the command that installs it."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "figures in files need matplotlib, which is not installed: pip install "
            "'rugtui[figures]', or draw them in the terminal with --terminal."
        )
