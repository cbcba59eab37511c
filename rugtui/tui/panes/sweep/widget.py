"""The pane of a sweep: the map, its cursor, and the curve through it."""

from __future__ import annotations

import math

import numpy as np
from textual import events
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.live.frame import Frame
from rugtui.reports.sweep_figures import map_of
from rugtui.sweeps.grid import RANDOM, Kind
from rugtui.sweeps.quantities import QUANTITIES, Cells, Quantity, best_loss
from rugtui.sweeps.watch import Watched
from rugtui.tui.charts.canvas import Font, Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.drawing import LEAST, chart_strips
from rugtui.tui.charts.lines import SEPARATOR, Fact, Piece, facts_line, fit, laid_out, line
from rugtui.tui.charts.palette import Palette
from rugtui.tui.charts.view import ChartView
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.sweep.map import MapLayout, map_strips
from rugtui.tui.panes.sweep.view import LINEAR, SweepView, sizes, with_weights

HEAD = 1
FAILED = "×"
WORDY = 60
"""From this width on, quantities have their full names."""
BESIDE, BELOW = 100, 26
"""From this width on, the curve is beside the map; from this height on, below it."""
LOSSES = (LINEAR, *(one for one in QUANTITIES if one.name == "L*" or one.name.endswith(" loss")))
RATIOS = tuple(one for one in QUANTITIES if one.name.endswith(" over L*"))
MEASURED: tuple[tuple[Kind, str], ...] = (
    ("trained", "smooth"),
    ("population", "exact"),
    ("rug", "gaussian"),
)
"""Measured kinds and their colours."""
NO_REASON = "no reason given"
LOG_SPAN = 20
"""An axis over at least this factor is logarithmic."""


def sweep_strips(
    sweep: Watched, look: SweepView, palette: Palette, font: Font, width: int, height: int
) -> list[Strip]:
    """Exactly `height` strips of `width` cells."""
    cells, quantity = look.cells(sweep), look.shown_quantity(sweep)
    foot = readout(sweep, cells, look, palette, width, 1 if height < 16 else 2)
    head = line([(heading(sweep, cells, look, width), palette.style("text"))], width)
    room = map_room(look, width, height)
    left = map_strips(
        map_of(cells, quantity), look.cursor(cells), palette, *room, marks(cells, quantity, palette)
    )
    tall = height - HEAD - len(foot)
    if room == (0, 0):
        body = curve_strips(cells, quantity, look, palette, font, width, tall)
    elif room[0] < width:
        right = curve_strips(cells, quantity, look, palette, font, width - room[0], tall)
        body = [Strip([*a, *b]) for a, b in zip(left, right, strict=True)]
    else:
        below = tall - room[1]
        body = left
        if below:
            body = [*left, *curve_strips(cells, quantity, look, palette, font, width, below)]
    return fit([head, *body, *foot], width, height)


def marks(cells: Cells, quantity: Quantity, palette: Palette) -> dict[tuple[int, int], Piece]:
    """Marks for cells that failed or are not computed yet."""
    failed, missing = (FAILED, palette.style("warning")), ("·", palette.style("faint"))
    return {place: failed if bad else missing for place, bad in cells.without(quantity).items()}


def map_room(look: SweepView, width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the map; it begins at the left, under the heading."""
    tall = max(height - HEAD - (1 if height < 16 else 2), 0)
    if look.part == "curve":
        return 0, 0
    if look.part == "both" and width >= BESIDE:
        return width * 11 // 20, tall
    if look.part == "both" and height >= BELOW:
        return width, tall * 3 // 5
    return width, tall


def heading(sweep: Watched, cells: Cells, look: SweepView, width: int) -> str:
    """The state of the sweep, as much as fits."""
    many = len(sizes(sweep)) > 1
    size = f"n_sparse {cells.n_sparse:,}"
    total = sweep.axes.cells
    parts = [
        f"{len(sweep.rows):,} of {total:,} cells",
        sweep.doing + (f" by {sweep.who}" if sweep.who else ""),
        *([f"{sweep.failed:,} failed {FAILED}"] if sweep.failed else []),
        *([size] if many else []),
        *look.choices(sweep),
        *sweep.notes[-1:],
        *([] if many else [size]),
        sweep.folder.name,
    ]
    while len(parts) > 2 and len(SEPARATOR.join(parts)) > width:
        parts.pop()
    text = SEPARATOR.join(parts)
    return text if len(text) <= width else text.split(" by ")[0]


def readout(
    sweep: Watched, cells: Cells, look: SweepView, palette: Palette, width: int, lines: int
) -> list[Strip]:
    """The values of the cell under the cursor."""
    rows = laid_out(cell_facts(sweep, cells, look, wide=width >= WORDY), width, lines)
    return fit([facts_line(facts, palette, width) for facts in rows], width, lines)


def cell_facts(sweep: Watched, cells: Cells, look: SweepView, *, wide: bool) -> list[Fact]:
    """The values of the cell under the cursor; `wide`: with the full name of the quantity."""
    i, k = look.cursor(cells)
    quantity = look.shown_quantity(sweep)
    r, p = float(cells.r[i]), float(cells.p[k])
    facts = [
        Fact(0, "r", f"{r:.4g}"),
        Fact(0, "p", f"{p:.4g}"),
        Fact(8, "n_dense", f"{round(r * cells.n_sparse):,}"),
    ]
    value = float(cells.values(quantity)[i, k])
    measured = {f"{kind} loss" for kind, _ in MEASURED}  # these have their own facts
    if math.isfinite(value) and quantity.name not in measured:
        facts.append(Fact(1, quantity.label if wide else quantity.name, f"{value:.5g}"))
    best = math.nan
    kept = False
    for kind, colour in MEASURED:
        found = cells.at(i, k, kind)
        best = next((row.theory_loss for row in found if row.theory_loss), best)
        losses = [loss for row in found if (loss := best_loss(row)) is not None]
        if losses:
            apart = (
                f" ± {numbers.figure(float(np.std(losses, ddof=1)), 2)}" if len(losses) > 1 else ""
            )
            facts.append(Fact(3, kind, numbers.loss(float(np.mean(losses))) + apart, colour))
        for row in found:
            if row.status == "failed":
                facts.append(Fact(2, f"{kind} failed:", row.error or NO_REASON, "warning"))
                break
        kept = kept or with_weights(found) is not None
    theory = [row.theory_loss for row in cells.at(i, k, "theory") if row.theory_loss]
    best = theory[0] if theory else best
    if math.isfinite(best):
        facts.append(Fact(4, "L*", numbers.loss(best), "optimum"))
    if kept:
        facts.append(Fact(7, "", "weights saved", "faint"))
    return facts if len(facts) > 3 else [*facts, Fact(1, "", "not computed yet", "faint")]


def curve_strips(
    cells: Cells,
    quantity: Quantity,
    look: SweepView,
    palette: Palette,
    font: Font,
    width: int,
    height: int,
) -> list[Strip]:
    """The quantity and comparable ones along the row or the column of the cursor."""
    faint = palette.style("faint")
    i, k = look.cursor(cells)
    x = cells.p if look.along == "p" else cells.r
    fixed = f"r = {cells.r[i]:.3g}" if look.along == "p" else f"p = {cells.p[k]:.3g}"
    names = f" {quantity.label} against", f" {quantity.name} against", f" {quantity.name}:"
    titles = [f"{name} {look.along} at {fixed}" for name in names]
    title = line([(next((t for t in titles if len(t) <= width), titles[-1]), faint)], width)
    chart = curve_chart(cells, quantity, look, palette)
    if width < LEAST[0] or height < LEAST[1] + 1:
        return fit([title], width, height)
    if chart is None:
        why = "this axis has one value: no curve" if x.size < 2 else "no values on this line yet"
        return fit([title, line([(f" {why}", faint)], width)], width, height)
    known = np.concatenate([one.y[np.isfinite(one.y)] for one in chart.curves])
    view = ChartView(
        log_x=bool(x[-1] / x[0] >= LOG_SPAN and look.along == "p"),
        log_y=quantity.log and bool((known > 0).all()),
        cross=float(x[k if look.along == "p" else i]),
    )
    return [title, *chart_strips(chart, view, palette, font, width, height - 1)]


def curve_chart(
    cells: Cells, quantity: Quantity, look: SweepView, palette: Palette
) -> Chart | None:
    """None if there is nothing to draw."""
    i, k = look.cursor(cells)
    x = cells.p if look.along == "p" else cells.r
    curves: list[Curve] = []
    for one in alike(quantity):
        values = cells.values(one)
        y = values[i] if look.along == "p" else values[:, k]
        if not np.isfinite(y).any():
            continue
        pen = PENS.get(one.kind, ("text", "+"))
        ink = Pen(getattr(palette, pen[0]), pen[1])
        curves.append(Curve(one.kind if one.kind != "theory" else "L*", x, y, ink, named=True))
        if one.kind in RANDOM:
            curves.append(Curve(one.kind, x, y, ink, kind="dot"))
    if x.size < 2 or not curves:
        return None
    levels = () if quantity.middle is None else (middle_level(quantity.middle, palette),)
    return Chart(tuple(curves), levels)


PENS = {
    "trained": ("smooth", "@"),
    "population": ("exact", "P"),
    "rug": ("gaussian", "R"),
    "theory": ("optimum", "*"),
    "linear": ("bound", "="),
}


def middle_level(value: float, palette: Palette) -> Level:
    return Level("L*" if value == 1 else f"{value:g}", value, palette.optimum)


def alike(quantity: Quantity) -> tuple[Quantity, ...]:
    """The quantities to draw together, on the same scale: all losses, or all ratios to L*; the
    given one is drawn last."""
    for family in (LOSSES, RATIOS):
        if quantity.name in {one.name for one in family}:
            return tuple(sorted(family, key=lambda one: one.name == quantity.name))
    return (quantity,)


class SweepPane(Pane):
    """Draws the sweep that is followed, which is independent of the session's Frame."""

    sweep: Watched | None = None
    look = SweepView()
    note = ""
    """Shown if there is no sweep."""

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        if self.sweep is None:
            return fit([line([(self.note, palette.style("faint"))], width)], width, height)
        return sweep_strips(self.sweep, self.look, palette, self.font, width, height)

    def see(self, sweep: Watched | None) -> None:
        self.sweep = sweep
        self.redraw()

    def look_at(self, look: SweepView) -> None:
        self.look = look
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor."""
        place = event.get_content_offset(self)
        if self.sweep is None or place is None:
            return
        cells = self.look.cells(self.sweep)
        room = map_room(self.look, *self.content_size)
        shape, cursor = (cells.r.size, cells.p.size), self.look.cursor(cells)
        cell = MapLayout.of(shape, *room, self.palette, cursor).at(
            place.y - HEAD, place.x, self.palette
        )
        if cell is not None and place.x < room[0]:
            self.look_at(self.look.at(*cell))
