"""The theory pane: the loss compared with all that theory predicts, and a sentence about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.analysis.glossary import LOSSES
from rugtui.analysis.verdict import comparable, has_levels, measured_for, standing
from rugtui.live.frame import Frame, Reading
from rugtui.tui.charts.axis import LEAST_WIDTH, NumberMark, number_line
from rugtui.tui.charts.lines import (
    blank,
    cut,
    fit,
    line,
    only_text,
    placeholder,
    selected_line,
    sentences,
)
from rugtui.tui.charts.palette import ASCII, Palette
from rugtui.tui.keys import bindings
from rugtui.tui.panes.pane import NAME, TablePane, TableRow, rows_that_fit

LOSS = 9
NARROW, WIDE = (7, 8), (16, 12)
"""Widths of the last two columns: for half of an 80-column terminal, and where there is room."""
ABOUT = 40
"""Columns left beside the table from which each row has its explanation."""
LEAST_ROWS = 6
"""Rows of the pane that the verdict may not take."""
LEAST_LINE, MOST_LINE = 3, 6
"""Rows of the number line."""
NEEDED = 2
"""Rows of the table below this rank stay when the number line takes the place of the others."""
LINE_FROM = 10
"""Rows for number line and table from which on the line may take the place of rows."""
NOTHING = math.nan, math.nan
"""In place of the loss and its error where losses are not comparable."""

LEVELS = (
    ("loss", "L*", "optimum", 0),
    ("pairs", "pairs", "pairs", 0),
    ("end", "end", "end", 0),
    ("lowest", "lowest", "end", 3),
    ("high_sparsity", "sparse", "faint", 6),
    ("linear", "linear", "bound", 1),
    ("elementwise", "elementwise", "elementwise", 4),
    ("oracle", "oracle", "faint", 5),
)
"""Levels of theory: attribute of `Levels`, short name, colour, and rank (see TheoryRow)."""


@dataclass(frozen=True, slots=True)
class TheoryRow:
    """One loss, and the loss `above` that it is compared with."""

    key: str
    """In `analysis.glossary.LOSSES`."""
    value: float
    colour: str
    standard_error: float = 0.0
    rank: int = 0
    """Where there is no room, the highest rank is left out first."""
    above: tuple[float, float] | None = None
    """A loss and its standard error; None if the rows below are compared with this one."""
    step: int = 0
    """The step of the weights, if others are compared with this row."""
    indent: str = ""

    @property
    def name(self) -> str:
        return self.indent + LOSSES[self.key].name

    @property
    def ratio(self) -> float:
        return numbers.quotient(self.above[0], self.value) if self.above else math.nan

    @property
    def deviation(self) -> float:
        """Difference in units of the combined standard error; NaN if unknown."""
        if self.above is None:
            return math.nan
        error = math.hypot(self.above[1], self.standard_error)
        return (self.above[0] - self.value) / error if error > 0 else math.nan


def theory_rows(frame: Frame) -> list[TheoryRow]:
    """The rows of the table, from the current loss downwards. Losses of the weights of an earlier
    step are compared with the held-out loss of the same weights, whose row names that step."""
    reading, levels = frame.reading, frame.levels
    trained = frame.shown == "trained"  # the rug is a ReLU, on features alike, in any run
    now = reading.loss, reading.standard_error if reading.settled else math.nan
    key = reading.estimate if trained else "rug"
    rows = [TheoryRow(key, reading.loss, "smooth", reading.standard_error, -1, step=frame.step)]
    if levels is not None:
        to = NOTHING if trained and not has_levels(frame.settings) else now
        below = frame.structured
        structured = {}
        if below:
            structured = {"pairs": below.loss_pairs, "end": below.loss_end}
            if below.loss_lowest < below.loss_end:
                structured["lowest"] = below.loss_lowest
        for key, _, colour, rank in LEVELS:
            value = structured.get(key, getattr(levels, key, math.nan))
            if math.isfinite(value):
                rows.append(TheoryRow(key, value, colour, rank=rank, above=to))
    if reading.statistics is not None and (
        measured_for(frame.settings) or (not trained and frame.settings.law.is_usual)
    ):
        same = not trained or reading.measured_at == frame.step
        of_weights = list(_of_weights(reading, now if same else None))
        rows[1:1] = of_weights if same else []
        rows += [] if same or frame.shown_step is not None else of_weights
    return rows


def _of_weights(reading: Reading, now: tuple[float, float] | None) -> Iterator[TheoryRow]:
    """Gaussian and exact loss, compared with the current loss `now`; without it, with the held-out
    loss of the same weights, in a row above them."""
    known, above, indent = reading.statistics, now, ""
    assert known is not None
    if above is None:
        above, indent = (reading.heldout, reading.heldout_standard_error), " "
        yield TheoryRow("held out then", above[0], "heldout", above[1], 2, step=reading.measured_at)
    rank, error = 1 + bool(indent), known.exact_standard_error
    yield TheoryRow("exact", known.exact, "exact", error, rank, above, indent=indent)
    yield TheoryRow("gaussian", known.gaussian, "gaussian", 0, rank + 1, above, indent=indent)


def theory_table(
    frame: Frame, palette: Palette, width: int, height: int, selected: str = ""
) -> list[Strip]:
    """A headline; a number line of all levels; a table of names, losses, ratios and deviations; and
    a sentence: the verdict, or the explanation of the selected row."""
    rows = theory_rows(frame)
    if frame.levels is None:
        text = placeholder(frame, "Theory follows the first steps.")
        return only_text(text, palette, width, height)
    head = [headline(frame, palette, width)] if height > LEAST_ROWS else []
    text = frame.verdict
    if selected:
        chosen = next((row for row in rows if row.key == selected), rows[0])
        text = f"{chosen.name.strip()} {numbers.loss(chosen.value)}: {LOSSES[chosen.key].about}"
    style = palette.style("text")
    left = height - LEAST_ROWS + 2 * bool(selected) - len(head)
    most = max(min(left, max(height // 4, 3)), 0)
    explanation = sentences(numbers.minus(text), style, width, most)
    spare = height - len(head) - len(explanation)
    lined = _line_rows(rows, spare, width)
    shown = rows_that_fit(rows, spare - lined - 1, selected)
    if shown and shown[-1].key == "held out then" and not selected:
        # Neither of the two rows that are compared with it fits: leave out all three.
        shown = rows_that_fit(rows[:-3], spare - lined - 1, selected)
    body = [_row(row, row.key == selected, palette, width) for row in shown]
    body.insert(0, _heading(rows[0], palette, width))
    if lined:
        head += _number_line(frame, rows, palette, width, lined)
    if height > len(head) + len(body) + len(explanation):
        body.append(blank(width))
    return fit([*head, *body, *explanation], width, height)


def headline(frame: Frame, palette: Palette, width: int) -> Strip:
    """The loss relative to L* in words and colour, and the two numbers."""
    reading, levels = frame.reading, frame.levels
    trained = frame.shown == "trained"
    assert levels is not None
    if not math.isfinite(reading.loss) or (trained and not comparable(frame.settings)):
        return blank(width)
    side, words = standing(reading.loss, reading.standard_error, levels.loss)
    signs = {"below": "v", "at": "=", "above": "^"}
    if palette.glyphs != ASCII:
        signs = {"below": "▼", "at": "●", "above": "▲"}
    colour = {"below": "optimum", "at": "text", "above": "smooth"}[side]
    name = LOSSES[reading.estimate if trained else "rug"].name
    losses = f"  {name} {numbers.loss(reading.loss)}, L* {numbers.loss(levels.loss)}"
    shown = f"{signs[side]} {words}"
    pieces = [(shown, palette.style(colour, bold=True))]
    if len(shown) + len(losses) <= width:
        pieces.append((losses, palette.style("faint")))
    return line(pieces, width)


def _line_rows(rows: Sequence[TheoryRow], spare: int, width: int) -> int:
    """Rows for the number line: what the table leaves, but at least LEAST_LINE where the rows that
    are NEEDED fit below and there are not just a few: the line shows all other levels."""
    needed = sum(row.rank < NEEDED for row in rows) + 1
    if spare < LINE_FROM:
        needed = len(rows) + 1
    if width < LEAST_WIDTH or spare - needed < LEAST_LINE:
        return 0
    return min(max(spare - len(rows) - 2, LEAST_LINE), MOST_LINE)


def _number_line(
    frame: Frame, rows: Sequence[TheoryRow], palette: Palette, width: int, height: int
) -> list[Strip]:
    short = {key: name for key, name, _, _ in LEVELS}
    marks = [NumberMark(short[row.key], row.value, row.colour) for row in rows if row.key in short]
    if not math.isfinite(rows[0].value) or not (frame.shown == "rug" or has_levels(frame.settings)):
        return [blank(width)] * height
    pointer = NumberMark(f"{rows[0].name} {numbers.loss(rows[0].value)}", rows[0].value, "smooth")
    return number_line(marks, pointer, palette, width, height)


def _columns(width: int) -> tuple[int, int]:
    return WIDE if width >= NAME + LOSS + sum(WIDE) else NARROW


def _heading(first: TheoryRow, palette: Palette, width: int) -> Strip:
    wide = _columns(width) == WIDE
    ratio = f"{first.name.partition(',')[0]} ÷ this" if wide else "÷ this"
    tail = _tail(ratio, "off by (σ)" if wide else "off (σ)", width)
    return line([(f"{'':<{NAME}}{'loss':>{LOSS}}{tail}", palette.style("faint"))], width)


def _tail(ratio: str, deviation: str, width: int) -> str:
    """The last two columns, each only if it fits: a number that is cut would be wrong."""
    columns = _columns(width)
    tail = f"{ratio:>{columns[0]}}" if width >= NAME + LOSS + columns[0] else ""
    room = width >= NAME + LOSS + sum(columns)
    return tail + f"{deviation:>{columns[1]}}" if room else tail


def _row(row: TheoryRow, selected: bool, palette: Palette, width: int) -> Strip:
    columns = _columns(width)
    tail = _tail(numbers.ratio(row.ratio), numbers.deviation(row.deviation), width)
    if row.above is None and row.rank < 0:
        error = f"± {numbers.loss(row.standard_error)}"
        tail = _tail(error, _step(row.step, columns[1]), width)
        if columns == NARROW:
            tail = f"{error:>{sum(columns)}}" if width >= NAME + LOSS + sum(columns) else ""
    elif row.above is None:
        name = f"{row.name} ÷ this" if columns == WIDE else "÷ this"
        tail = _tail(name, _step(row.step, columns[1]), width)
    pieces = [
        (f"{row.name:<{NAME}}", palette.style(row.colour, bold=row.rank < 0)),
        (f"{numbers.loss(row.value):>{LOSS}}", palette.style("text")),
        (tail, palette.style("faint")),
    ]
    left = width - NAME - LOSS - sum(columns)
    if columns == WIDE and left >= ABOUT:
        about = cut(LOSSES[row.key].about, left - 2, palette.glyphs == ASCII)
        pieces.append((f"  {about:<{left - 2}}", palette.style("faint")))
    return selected_line(pieces, palette.style("text"), width) if selected else line(pieces, width)


def _step(step: int, room: int) -> str:
    """A step in fewer than `room` columns, as exactly as possible."""
    texts = (f"step {step:,}", f"@{step:,}", f"@{numbers.count(step)}")
    return next((one for one in texts if len(one) < room), texts[-1])


class TheoryPane(TablePane):
    BINDINGS = bindings("theory")

    def rows(self) -> list[TableRow]:
        return [
            TableRow(row.key, row.name.strip(), numbers.loss(row.value), LOSSES[row.key].about)
            for row in (theory_rows(self.frame) if self.frame else ())
        ]

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return theory_table(frame, palette, width, height, self.selected)
