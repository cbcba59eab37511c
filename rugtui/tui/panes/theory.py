"""The theory pane: the table and the sentence under it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from textual.strip import Strip

from rugtui.analysis.verdict import comparable, unweighed
from rugtui.live.frame import Frame
from rugtui.tui.charts import numbers
from rugtui.tui.charts.lines import blank, fit, instead, line, said_alone, sentences
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.pane import Pane

NAME, LOSS, RATIO, DEVIATION = 13, 9, 7, 8
"""Columns' widths: 37 cells, which a half of an 80-column terminal has."""
ALL = NAME + LOSS + RATIO + DEVIATION

LEAST_ROWS = 6
"""Heading, live, Gaussian(W), exact(W), L* and linear: the verdict may not push them out."""

NOTHING = math.nan, math.nan
"""What a loss is held against that is no loss of the same kind."""


@dataclass(frozen=True, slots=True)
class TheoryRow:
    name: str
    value: float
    colour: str
    standard_error: float = 0.0
    rank: int = 0
    """What stands highest leaves first where there is no room."""
    against: tuple[float, float] | None = None
    """The loss that this one is held against and its standard error, if not the live one."""


def theory_rows(frame: Frame) -> Iterator[TheoryRow]:
    """The lines of the table, from the live loss downwards."""
    reading, levels = frame.reading, frame.levels
    trained = frame.shown == "trained"  # the rug is a ReLU, on features alike, in any run
    name = "live" if trained else "live, rug"
    if frame.sampled:  # nothing lives: both are what samples of late say
        name = name.replace("live", "sampled")
    yield TheoryRow(name, reading.loss, "smooth", reading.standard_error, rank=-1)
    if trained and len(frame.history):
        p = levels.p if levels is not None else frame.settings.p_on
        held = frame.history.heldout_at(p)
        yield TheoryRow("held out", held[0], "heldout", held[1], rank=1)
    if reading.statistics is not None and (comparable(frame.settings) or not trained):
        same = None
        if math.isfinite(reading.heldout):
            same = reading.heldout, reading.heldout_standard_error
        elif trained and reading.measured_at != frame.step:
            same = NOTHING
        now = reading.statistics
        yield TheoryRow("Gaussian(W)", now.gaussian, "gaussian", against=same)
        yield TheoryRow("exact(W)", now.exact, "exact", now.exact_standard_error, against=same)
    if levels is not None:
        to = NOTHING if trained and not unweighed(frame.settings) else None
        yield TheoryRow("L*(r, p)", levels.loss, "optimum", against=to)
        yield TheoryRow("high sparsity", levels.high_sparsity, "faint", rank=4, against=to)
        yield TheoryRow("linear", levels.linear, "bound", against=to)
        yield TheoryRow("elementwise", levels.elementwise, "elementwise", rank=2, against=to)
        yield TheoryRow("oracle", levels.oracle, "faint", rank=3, against=to)


def theory_table(frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
    """Name · loss per feature · live / value · deviation in standard errors; then the verdict.

    What belongs to the weights of one step is held against the held-out loss of the same weights,
    or where it is their step against the live one: at other steps the loss is another.
    """
    rows = list(theory_rows(frame))
    if not rows or frame.levels is None:
        said = instead(frame, "theory comes with the first steps")
        return said_alone(said, palette, width, height)
    verdict = numbers.minus(frame.verdict)
    said = sentences(verdict, palette.style("text"), width, max(height - LEAST_ROWS, 0))
    live = rows[0]
    for row in sorted(rows, key=lambda row: -row.rank)[
        : max(len(rows) + 1 + len(said) - height, 0)
    ]:
        rows.remove(row)
    body = [_heading(palette, width)] + [_row(row, live, palette, width) for row in rows]
    if height > len(body) + len(said):
        body.append(blank(width))
    return fit(body + said, width, height)


def _heading(palette: Palette, width: int) -> Strip:
    tail = _tail("× it", "± off", width)
    return line([(f"{'':<{NAME}}{'loss':>{LOSS}}{tail}", palette.style("faint"))], width)


def _tail(ratio: str, deviation: str, width: int) -> str:
    """The last two columns, where there is room for the whole of them: half a number is a lie."""
    tail = f"{ratio:>{RATIO}}" if width >= NAME + LOSS + RATIO else ""
    return tail + f"{deviation:>{DEVIATION}}" if width >= ALL else tail


def _row(row: TheoryRow, live: TheoryRow, palette: Palette, width: int) -> Strip:
    value = f"{numbers.loss(row.value):>{LOSS}}"
    if row is live:
        error = f"± {numbers.loss(row.standard_error)}"
        tail = f"{error:>{RATIO + DEVIATION}}" if width >= ALL else ""
    else:
        loss, its_error = row.against or (live.value, live.standard_error)
        quotient = loss / row.value if row.value > 0 else math.nan
        error = math.hypot(its_error, row.standard_error)
        off = (loss - row.value) / error if error > 0 else math.nan
        tail = _tail(numbers.ratio(quotient), numbers.deviation(off), width)
    ink = palette.style(row.colour, bold=row is live)
    return line(
        [
            (f"{row.name:<{NAME}}", ink),
            (value, palette.style("text")),
            (tail, palette.style("faint")),
        ],
        width,
    )


class TheoryPane(Pane):
    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return theory_table(frame, palette, width, height)
