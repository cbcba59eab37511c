"""Figures in characters: charts by plotext, maps and W as half blocks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

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

if TYPE_CHECKING:
    from rich.text import Text

    from rugtui.storage.heatmap import RGB, Colours

HEIGHT = 16
"""Rows of a chart."""
SIDE = 64
"""Largest side of a picture of W or a map, in pixels."""
POSITIVE, NEGATIVE = " .+*#@", " '-=%&"
"""Characters from zero to either end of the scale, without colours."""
ORDERED: tuple[RGB, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (0, 114, 178), (213, 94, 0),
)  # fmt: skip
"""For ordered series (Okabe and Ito): legible on dark and light backgrounds."""
GREY: RGB = (128, 128, 128)
ROLES: dict[str, tuple[str, RGB]] = {
    "trained": ("o", (213, 94, 0)),
    "population": ("p", (204, 121, 167)),
    "rug": ("x", (0, 114, 178)),
    "optimum": ("*", (0, 158, 115)),
    "linear": ("=", GREY),
    "guide": (".", GREY),
    "histogram": ("#", (0, 114, 178)),
}
ASCII = str.maketrans("─│┌┐└┘┤├┬┴┼", "-|+++++++++")


def drawn(
    figure: Figure, colours: Colours, width: int, *, ascii_only: bool = False, plain: bool = False
) -> list[Text]:
    """Lines of `width` characters: the caption, then the panels, one under the other.

    `plain`: without colours, with characters for values.
    """
    from rich.text import Text

    plain = plain or ascii_only
    lines = [Text(line, style="bold") for line in textwrap.wrap(figure.caption, width)]
    for panel in figure.panels:
        lines += [Text(), *_panel(panel, colours, width, ascii_only, plain)]
    for line in lines:
        line.truncate(width)
        line.pad_right(width - line.cell_len)
    return lines


def _panel(
    panel: Panel, colours: Colours, width: int, ascii_only: bool, plain: bool
) -> Iterator[Text]:
    from rich.text import Text

    if isinstance(panel, LinePanel):
        yield from _chart(panel, width, ascii_only, plain)
    elif isinstance(panel, MapPanel):
        yield Text(panel.title)
        yield from _map(panel, colours, width, plain)
    else:
        yield Text(panel.title)
        yield from _weights(panel, colours, width, plain)


def _chart(panel: LinePanel, width: int, ascii_only: bool, plain: bool) -> Iterator[Text]:
    """Drawn by plotext, which has one global figure: it is cleared before and after."""
    import plotext
    from rich.text import Text

    title = f"{panel.title}: {panel.y_label} against {panel.x_label}"
    curves = [(one, *_points(one, panel)) for one in panel.series]
    curves = [(one, x, y) for one, x, y in curves if len(x) > 1]
    if not curves:
        yield Text(f"{title}: not enough values yet", style="dim")
        return
    yield Text(title)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plotsize(width, HEIGHT)
    for one, x, y in curves:
        letter, colour = _mark(one)
        name = one.name
        dots = one.is_measured and one.place is None
        marker = letter if dots or plain else "braille"
        draw = plotext.scatter if dots else plotext.plot
        draw(x.tolist(), y.tolist(), label=name, marker=marker, color=colour)
    across = np.concatenate([x for _, x, _ in curves])
    up = np.concatenate([y for _, _, y in curves])
    for name, value in panel.levels:
        at = math.log10(value) if panel.log_y else value
        plotext.plot([across.min(), across.max()], [at, at], label=name, marker="-", color=GREY)
        up = np.append(up, at)
    plotext.xticks(*_ticks(across.min(), across.max(), panel.log_x))
    plotext.yticks(*_ticks(up.min(), up.max(), panel.log_y))
    built = plotext.build()
    plotext.clear_figure()
    yield from Text.from_ansi(built.translate(ASCII) if ascii_only else built).split("\n")


def _points(one: Series, panel: LinePanel) -> tuple[np.ndarray, np.ndarray]:
    """The finite values in plot coordinates."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log10(one.x) if panel.log_x else np.asarray(one.x, float)
        y = np.log10(one.y) if panel.log_y else np.asarray(one.y, float)
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


def _mark(one: Series) -> tuple[str, RGB]:
    if one.place is None:
        return ROLES[one.role]
    return chr(ord("a") + one.place % 26), ORDERED[one.place % len(ORDERED)]


def _ticks(low: float, high: float, log: bool) -> tuple[list[float], list[str]]:
    """Places and labels of a few ticks: 1, 2, 5 times powers of ten."""
    if log:
        decades = range(math.floor(low), math.ceil(high) + 1)
        subs = (1, 2, 5) if high - low < 2 else (1,)
        values = [sub * 10.0**decade for decade in decades for sub in subs]
        places = [math.log10(value) for value in values]
        inside = [k for k, place in enumerate(places) if low - 1e-9 <= place <= high + 1e-9]
        if len(inside) < 2:
            places = [low, high]
            return places, [number(10**place) for place in places]
        inside = inside[:: -(-len(inside) // 8)]
        return [places[k] for k in inside], [number(values[k]) for k in inside]
    rough = (high - low or 1.0) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [k * step for k in range(first, last + 1)]
    return places, [number(round(place, 12)) for place in places]


def _map(panel: MapPanel, colours: Colours, width: int, plain: bool) -> Iterator[Text]:
    """A map with r upwards and p to the right, and its colour scale."""
    from rich.text import Text

    span = ColourRange.of(panel)
    values = np.log(panel.values) if span.log else panel.values
    low, high = (math.log(span.low), math.log(span.high)) if span.log else (span.low, span.high)
    share = 2 * (values - low) / (high - low) - 1
    across = max(1, min(SIDE, width - 12) // panel.p.size)
    tall = max(2, across // 2 * 2)
    pixels = share[::-1].repeat(tall, 0).repeat(across, 1)
    ramp = colours.ramp if panel.middle is not None else colours.ramp[len(colours.ramp) // 2 :]
    rows = _shades(pixels[::2]) if plain else _blocks(pixels, ramp)
    labels = [f"{value:.2g}" for value in panel.r[::-1]]
    for k, row in enumerate(rows):
        at, inside = divmod(2 * k, tall)
        label = labels[at] if inside == 0 and at < len(labels) else ""
        yield Text(f"{label:>8} ").append_text(row)
    beyond = " (and beyond)" if span.below or span.above else ""
    ends = f"p {panel.p[0]:.2g} to {panel.p[-1]:.2g}, r upwards; "
    yield (
        Text(f"{'':>9}{ends}{panel.label} {span.low:.3g} ")
        .append_text(_legend(ramp, plain))
        .append(f" {span.high:.3g}{beyond}")
    )


def _weights(panel: WeightsPanel, colours: Colours, width: int, plain: bool) -> Iterator[Text]:
    """The corner of W that fits with one pixel per cell: block means would show no weave."""
    from rich.text import Text

    side = min(width - 2, SIDE, panel.pixels.shape[0])
    features = side * panel.n_sparse // panel.pixels.shape[0]
    share = panel.pixels[:side, :side] / panel.top
    yield from _shades(share) if plain else _blocks(share, colours.ramp, colours.diagonal)
    legend = Text(f"{-panel.top:.2g} ").append_text(_legend(colours.ramp, plain))
    yield legend.append(f" {panel.top:.2g}; features 0 to {features - 1}")


def _blocks(
    share: Float[np.ndarray, "rows columns"],
    ramp: Sequence[RGB],
    diagonal: RGB | None = None,
) -> Iterator[Text]:
    """Values from −1 to 1 in colours, two rows per line of characters; NaN has none."""
    from rich.style import Style
    from rich.text import Text

    def colour(row: int, column: int) -> str | None:
        value = share[row, column] if row < len(share) else np.nan
        if np.isnan(value):
            return None
        if diagonal is not None and row == column and value > 1:
            return "#{:02x}{:02x}{:02x}".format(*diagonal)
        level = round((min(max(value, -1), 1) + 1) / 2 * (len(ramp) - 1))
        return "#{:02x}{:02x}{:02x}".format(*ramp[level])

    for top in range(0, len(share), 2):
        text = Text()
        for column in range(share.shape[1]):
            text.append("▀", Style(color=colour(top, column), bgcolor=colour(top + 1, column)))
        yield text


def _shades(share: Float[np.ndarray, "rows columns"]) -> Iterator[Text]:
    """The same without colours, one row per line; NaN is a question mark."""
    from rich.text import Text

    most = len(POSITIVE) - 1
    for row in share:
        yield Text(
            "".join(
                "?"
                if np.isnan(value)
                else (POSITIVE if value > 0 else NEGATIVE)[round(min(abs(value), 1) * most)]
                for value in row
            )
        )


def _legend(ramp: Sequence[RGB], plain: bool) -> Text:
    """All colours, or all characters, from one end of the scale to the other."""
    share = np.linspace(-1, 1, len(ramp))[None]
    (text,) = _shades(share) if plain else _blocks(share.repeat(2, 0), ramp)
    return text
