"""Figures in files: PNG and SVG through matplotlib, which only this module imports.

Colours are suitable for colour-blind readers (Okabe and Ito's; cividis; the dashboard's own for W);
in black and white, marks and dashes differ. pyplot is not used, because it has global state.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import (
    BoundaryNorm,
    LinearSegmentedColormap,
    ListedColormap,
    LogNorm,
    Normalize,
)
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rugtui.models.base import Window, on_diagonal
from rugtui.reports.figure import (
    ColourRange,
    Figure,
    LinePanel,
    MapPanel,
    Panel,
    Series,
    WeightsPanel,
    number,
)
from rugtui.storage.files import write_whole
from rugtui.storage.heatmap import Colours

if TYPE_CHECKING:
    from jaxtyping import Float

DPI = 300
WIDTH, HEIGHT = 3.5, 2.7
"""Inches of a panel: two of them fill a page's width."""
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "svg.fonttype": "none",
    "svg.hashsalt": "rugtui",
}
BLACK, GREY = "#000000", "#767676"
ROLES: dict[str, dict[str, Any]] = {
    "trained": {"color": "#D55E00", "marker": "o", "linestyle": "none"},
    "population": {"color": "#CC79A7", "marker": "^", "linestyle": "none", "fillstyle": "none"},
    "rug": {"color": "#0072B2", "marker": "s", "linestyle": "none", "fillstyle": "none"},
    "optimum": {"color": BLACK},
    "linear": {"color": GREY, "linestyle": "--"},
    "guide": {"color": GREY, "linestyle": ":"},
    "histogram": {"color": "#0072B2", "linewidth": 0.7},
}
MARKS = "os^Dv<>P"
SEVERAL, MANY = 6, 8
"""With this many series the legend moves below its panel, or below the figure."""
FEW_DECADES = 200
"""An axis whose ends differ by less than this factor also has labels between powers of ten."""


def write(figure: Figure, colours: Colours, *paths: Path) -> None:
    """Draw a figure into files, in the format of their suffix, .png or .svg. Raises OSError.

    `colours` are those of W, on light paper.
    """
    with matplotlib.rc_context(STYLE):
        canvas = drawn(figure, colours)
        for path in paths:
            content = io.BytesIO()
            metadata: dict[str, str | None] = {"Date": None} if path.suffix == ".svg" else {}
            metadata["Title"] = figure.caption
            canvas.savefig(content, format=path.suffix[1:], dpi=DPI, metadata=metadata)
            write_whole(path, content.getvalue())


def drawn(figure: Figure, colours: Colours) -> Canvas:
    rows = -(-len(figure.panels) // figure.columns)
    tall = 0.75 * WIDTH if isinstance(figure.panels[0], WeightsPanel) else HEIGHT
    canvas = Canvas(figsize=(WIDTH * figure.columns, tall * rows), layout="constrained")
    places = canvas.subplots(rows, figure.columns, squeeze=False).ravel()
    used = places[: len(figure.panels)]
    for place in places[len(used) :]:
        place.remove()
    for place, panel in zip(used, figure.panels, strict=True):
        _panel(place, panel, colours)
    last = figure.panels[-1]
    if isinstance(last, MapPanel) and last.ends:
        _colour_bar(list(used), used[-1].collections[0], last)
    if isinstance(last, LinePanel) and len(last.series) >= MANY:
        canvas.legend(*used[-1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return canvas


def _panel(axes: Axes, panel: Panel, colours: Colours) -> None:
    axes.set_title(panel.title)
    if isinstance(panel, LinePanel):
        _lines(axes, panel)
    elif isinstance(panel, MapPanel):
        _map(axes, panel, colours)
        if not panel.ends:
            _colour_bar([axes], axes.collections[0], panel)
    else:
        _weights(axes, panel, colours)


def _lines(axes: Axes, panel: LinePanel) -> None:
    count = 1 + max((one.place for one in panel.series if one.place is not None), default=0)
    for one in panel.series:
        look = _look(one, count)
        if one.error is not None and np.isfinite(one.error).any():
            axes.errorbar(one.x, one.y, yerr=one.error, label=one.name, elinewidth=0.6, **look)
        else:
            axes.plot(one.x, one.y, label=one.name, **look)
        if one.role == "histogram":
            axes.fill_between(one.x, one.y, color=look["color"], alpha=0.3, linewidth=0)
            axes.set_ylim(bottom=0)
    for name, value in panel.levels:
        axes.axhline(value, color=GREY, linewidth=0.8, linestyle="--", label=name, zorder=0)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.set_xscale("log" if panel.log_x else "linear")
    axes.set_yscale("log" if panel.log_y else "linear")
    for on, axis, ends in (
        (panel.log_x, axes.xaxis, axes.get_xlim()),
        (panel.log_y, axes.yaxis, axes.get_ylim()),
    ):
        if on:
            _log_labels(axis, ends)
    if len(panel.series) < SEVERAL:
        axes.legend(ncols=panel.legend_columns)
    elif len(panel.series) < MANY:
        axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _look(one: Series, count: int) -> dict[str, Any]:
    """Colour and mark of a series; ordered series differ in lightness."""
    if one.place is None:
        return ROLES[one.role]
    share = one.place / max(count - 1, 1)
    colour = matplotlib.colormaps["cividis"](0.85 * share)
    role = {"marker": MARKS[one.place % len(MARKS)], "linestyle": "-", "linewidth": 0.9}
    if one.role == "population":
        role |= {"linestyle": "--", "fillstyle": "none"}
    dashed = {"linestyle": "--", "marker": ""} if one.role in ("optimum", "guide") else {}
    return {"color": colour, **role, **dashed}


def _map(axes: Axes, panel: MapPanel, colours: Colours) -> None:
    """A map with cells of equal size."""
    values = np.ma.masked_invalid(panel.values)
    span = ColourRange.of(panel)
    norm, ramp = _colours(panel, span, colours)
    axes.pcolormesh(values, norm=norm, cmap=ramp, rasterized=True)
    axes.set_facecolor("#dddddd")  # cells without a value
    axes.set_xlabel("p")
    axes.set_ylabel("r = n_dense / n_sparse")
    for axis, values in ((axes.xaxis, panel.p), (axes.yaxis, panel.r)):
        ticks = np.linspace(0, values.size - 1, min(values.size, 4)).round().astype(int)
        axis.set_ticks(np.unique(ticks) + 0.5, [f"{values[k]:.2g}" for k in np.unique(ticks)])


def _colour_bar(beside: list[Axes], image: Any, panel: MapPanel) -> None:
    """The colour bar of one map, or of several with the same scale."""
    span = ColourRange.of(panel)
    beyond = ("neither", "max", "min", "both")[span.above + 2 * span.below]
    bar = beside[0].figure.colorbar(image, ax=beside, label=panel.label, shrink=0.9, extend=beyond)
    bar.outline.set_linewidth(0.6)  # type: ignore[operator]
    if span.log:
        _log_labels(bar.ax.yaxis, (span.low, span.high))


def _log_labels(axis: Axis, ends: tuple[float, float]) -> None:
    """Plain numbers on a logarithmic axis, denser on a short one."""
    short = ends[1] < FEW_DECADES * ends[0]
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def _colours(panel: MapPanel, span: ColourRange, colours: Colours) -> tuple[Normalize, Any]:
    norm = (LogNorm if span.log else Normalize)(span.low, span.high)
    if panel.middle is not None:
        return norm, LinearSegmentedColormap.from_list("W", _shares(colours.ramp))
    return norm, matplotlib.colormaps["cividis"]


def _weights(axes: Axes, panel: WeightsPanel, colours: Colours) -> None:
    """W in the dashboard's colours, with the bias of each row."""
    n, top, ramp = panel.n_sparse, panel.top, _shares(colours.ramp)
    norm = BoundaryNorm(np.linspace(-top, top, len(ramp) + 1), len(ramp))
    where: dict[str, Any] = {
        "extent": (-0.5, n - 0.5, n - 0.5, -0.5),
        "interpolation": "none",
    }
    shown = np.clip(panel.pixels, -top, top)
    image = axes.imshow(shown, cmap=ListedColormap(ramp), norm=norm, **where)
    beyond = np.zeros((*shown.shape, 4))
    diagonal = on_diagonal(Window.whole(n), *panel.pixels.shape)
    beyond[diagonal & (panel.pixels > top)] = (*_shares([colours.diagonal])[0], 1.0)
    axes.imshow(beyond, **where)
    axes.set_xlabel("input feature j")
    axes.set_ylabel("output feature i")
    axes.spines[:].set_visible(False)
    ends = [0, n // 2, n - 1]
    axes.set_xticks(ends)
    axes.set_yticks(ends)
    beside = 0.14 if panel.biases is not None else 0.03
    label = "W_ij" + " (diagonal beyond: black)" * bool(beyond.any())
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.6, pad=beside, label=label)
    bar.minorticks_off()
    bar.set_ticks([-top, 0, top], labels=[f"{-top:.2g}", "0", f"{top:.2g}"])
    bar.outline.set_visible(False)  # type: ignore[operator]
    if panel.biases is not None:
        _bias(axes, panel.biases, panel.n_sparse)


def _bias(axes: Axes, biases: Float[np.ndarray, " side"], n_sparse: int) -> None:
    """The biases as a narrow chart beside the rows of W."""
    beside = axes.inset_axes((1.07, 0, 0.16, 1))
    rows = (np.arange(biases.size) + 0.5) * n_sparse / biases.size - 0.5
    beside.plot(biases, rows, color=BLACK, linewidth=0.7)
    beside.set_ylim(n_sparse - 0.5, -0.5)
    low = float(min(biases.min(), 0.0)) * 1.15
    high = float(max(biases.max(), 0.0)) * 1.15
    beside.set_xlim(low, high if high > low else low + 1)
    beside.set_yticks([])
    beside.xaxis.tick_top()
    mean = float(biases.mean())
    beside.set_xticks([mean], [f"{mean:.2g}"])
    beside.tick_params(labelsize=6)
    beside.set_xlabel("b_i")
    beside.spines["top"].set_visible(True)
    beside.spines["bottom"].set_visible(False)


def _shares(colours: Any) -> list[tuple[float, ...]]:
    return [tuple(part / 255 for part in colour) for colour in colours]
