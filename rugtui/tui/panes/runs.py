"""The table of runs: the live one and others, with results, differences and a preview curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.cells import cell_len, set_cell_size
from textual import events
from textual.message import Message
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.live.frame import Frame
from rugtui.settings.settings import declared
from rugtui.tui.charts.canvas import Font, Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.drawing import LEAST as CHART
from rugtui.tui.charts.drawing import chart_strips
from rugtui.tui.charts.lines import REVERSED, blank, fit, line, paragraph
from rugtui.tui.charts.palette import ASCII, Palette, ink
from rugtui.tui.charts.view import ChartView
from rugtui.tui.panes.pane import Pane
from rugtui.tui.panes.runs_view import (
    LIVE,
    SORTS,
    RunRow,
    RunsView,
    differences,
    live_row,
    run_rows,
    varying,
)

NAME, STATE, STEP, LOSS, RATIO = 14, 9, 10, 10, 8
DIFFERS = "  differs in"
LEAST_NAME, LEAST_DIFFERENCES, MOST_DIFFERENCES = 8, 13, 40
MARKS = 3
"""Columns before the first one of the table: a letter, a mark, a space."""
PREVIEW, LEAST_TABLE = 9, 14
"""Rows of the curve of the selected run, and those that it leaves the table and its sentences."""


class RunsTable:
    """The rows of the table in so many columns."""

    def __init__(
        self, rows: Sequence[RunRow], view: RunsView, palette: Palette, width: int
    ) -> None:
        self.rows, self.view, self.palette, self.width = rows, view, palette, width
        self.live = live_row(rows)
        self.reference = next((row for row in rows if row.reference), None)
        self.varying = varying(rows)
        self.columns = self._columns()
        """Their widths."""

    def strips(self, selected: int, height: int, note: str = "") -> list[Strip]:
        """As many rows as there is room for, the selected one among them; below them a note and a
        description of the selected run."""
        about = paragraph(note, self.palette.style("faint"), self.width) if note else []
        about += paragraph(self._about(selected), self.palette.style("text"), self.width)
        about = about[: max(height - 4, 0)]
        room = max(height - 1 - len(about) - bool(about), 1)
        first = first_shown(len(self.rows), selected, room)
        body = [self._heading()]
        body += [
            self._row(row, place == selected)
            for place, row in list(enumerate(self.rows))[first : first + room]
        ]
        body += [blank(self.width)] * (1 + room - len(body))
        return fit([*body, blank(self.width), *about] if about else body, self.width, height)

    def column_at(self, x: int) -> str:
        """What a click on the heading sorts by: the column there, or else the newest first."""
        end = MARKS
        for name, wide in self.columns.items():
            end += wide
            if x < end:
                return name if name in SORTS else SORTS[0]
        return SORTS[0]

    def _columns(self) -> dict[str, int]:
        """Columns and their widths, the least important left out where there is no room. Names and
        differences share what is left."""
        wanted = {"name": NAME, "state": STATE, "step": STEP, "loss": LOSS, "× L*": RATIO}
        if self.reference is not None:
            wanted[f"× {self.reference.letter}"] = RATIO
        for name in ("state", "step"):
            if MARKS + sum(wanted.values()) > self.width:
                del wanted[name]
        rest = self.width - MARKS - sum(wanted.values())
        if rest < 0:
            wanted["name"] = max(wanted["name"] + rest, LEAST_NAME)
        longest = max(len(self._differences(row)) for row in self.rows) + 1
        differ = longest > 3
        shared = min(longest, MOST_DIFFERENCES) if longest <= rest else rest // 2
        spare = rest - max(shared, LEAST_DIFFERENCES) if differ else rest
        more = min(max(cell_len(row.name) for row in self.rows) + 1 - NAME, spare)
        if more > 0:
            wanted["name"] += more
            rest -= more
        if differ and rest >= LEAST_DIFFERENCES:
            wanted[DIFFERS] = rest
        return wanted

    def _heading(self) -> Strip:
        up, down = ("^", "v") if self.palette.glyphs is ASCII else ("▲", "▼")
        mark = f" {down if self.view.down else up}"
        cells = self._cells({name: name + mark * (name == self.view.sort) for name in self.columns})
        return line([(" " * MARKS + cells, self.palette.style("faint"))], self.width)

    def _row(self, row: RunRow, selected: bool) -> Strip:
        values = {
            "name": row.name or "live",
            "state": row.state,
            "step": f"{row.step:,}",
            "loss": numbers.loss(row.loss),
            "× L*": numbers.ratio(numbers.quotient(row.loss, row.optimum)),
            DIFFERS: self._differences(row),
        }
        if one := self.reference:
            values[f"× {one.letter}"] = numbers.ratio(numbers.quotient(row.loss, one.loss))
        mark = "*" if row.key == LIVE else "=" if row.reference else "-" if row.hidden else " "
        style = self.palette.style("faint" if row.hidden or row.on_disk else "text")
        pieces = [
            (f"{row.letter or ' '}{mark} ", ink(row.colour, True)),
            (self._cells(values).ljust(self.width), style),
        ]
        if selected:
            pieces = [(text, style + REVERSED) for text, style in pieces]
        return line(pieces, self.width)

    def _cells(self, values: Mapping[str, str]) -> str:
        """Values in their columns, numbers to the right; an ellipsis where one is cut."""
        cells = []
        for name, width in self.columns.items():
            text = values[name]
            if cell_len(text) > width - 1:
                mark = "~" if self.palette.glyphs is ASCII else "…"
                text = set_cell_size(text, max(width - 2, 0)) + mark
            padding = " " * (width - cell_len(text))
            right = name in ("step", "loss") or name.startswith("×")
            cells.append(padding + text if right else text + padding)
        return "".join(cells)

    def _differences(self, row: RunRow) -> str:
        """Of a run in the charts, the settings that vary among those; of a run on disk, its
        differences from the live run, or what is wrong with it."""
        if row.settings is None or self.live.settings is None:
            return f"  {row.trouble}"
        if row.on_disk:
            return "  " + ", ".join(differences(row.settings, self.live.settings))
        values = (
            f"{name} {declared(name).write(getattr(row.settings, name))}" for name in self.varying
        )
        return "  " + ", ".join(values)

    def _about(self, selected: int) -> str:
        """The selected run in words: its whole name, and how it differs from the reference."""
        row = self.rows[selected]
        other = self.reference if self.reference and not row.reference else self.rows[0]
        against = f"run {other.letter}" if other.letter else "the live run"
        text = f"{row.letter}: {row.name}" if row.letter else row.name
        text = "The live run" if row.key == LIVE else text
        if row.hidden:
            text += ", hidden"
        if row.on_disk:
            text += f", {row.state}, on disk, not in the charts; the loss is that of its last batch"
        if len(self.rows) == 1 and not self.view.filter:
            return f"{text}. After a change that needs a restart, the previous run stays here."
        if row.settings is None:
            return f"{text}. It cannot be read: {row.trouble}."
        if row.key == other.key or other.settings is None:
            return f"{text}."
        if differing := differences(row.settings, other.settings):
            return f"{text}. Differs from {against}: {', '.join(differing)}."
        return f"{text}. Same settings as {against}."


def first_shown(count: int, selected: int, room: int) -> int:
    return min(max(selected - room // 2, 0), max(count - room, 0))


def preview_strips(
    row: RunRow, palette: Palette, font: Font, width: int, height: int
) -> list[Strip]:
    """The loss of a run against steps, and L*."""
    history = row.history
    if history is None or len(history) < 2:
        text = "Reading its curve." if history is None else "No curve yet."
        text = "" if row.settings is None else text
        return fit([blank(width), line([(text, palette.style("faint"))], width)], width, height)
    loss = np.where(history.column("loss") > 0, history.column("smoothed"), math.nan)
    curve = Curve("loss", history.column("step"), loss, Pen(row.colour, "*"), thick=True)
    levels = (Level("L*", row.optimum, palette.optimum),) if row.optimum > 0 else ()
    return chart_strips(Chart((curve,), levels), ChartView(), palette, font, width, height)


class RunsPane(Pane):
    """The table, and below it the curve of the selected run."""

    view = RunsView()
    selected_key = LIVE

    @property
    def rows(self) -> list[RunRow]:
        return run_rows(self.frame, self.view, self.palette) if self.frame else []

    @property
    def selected(self) -> int:
        """The index of the selected run, or of the first one if it is not in the table."""
        keys = [row.key for row in self.rows]
        return keys.index(self.selected_key) if self.selected_key in keys else 0

    def select(self, place: int) -> None:
        rows = self.rows
        self.selected_key = rows[min(max(place, 0), len(rows) - 1)].key
        self.redraw()

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        rows, chosen = run_rows(frame, self.view, palette), self.selected
        preview = PREVIEW if height >= LEAST_TABLE + PREVIEW and width >= CHART[0] else 0
        note = "" if frame.saved is not None else "Looking for runs on disk."
        if self.view.filter:
            note = f"filter: {self.view.filter}" + ("; no other run matches" * (len(rows) == 1))
        table = RunsTable(rows, self.view, palette, width).strips(chosen, height - preview, note)
        if not preview:
            return table
        return [*table, *preview_strips(rows[chosen], palette, self.font, width, preview)]

    def on_click(self, event: events.Click) -> None:
        """A click on the heading sorts, on a row selects it; a double click opens it."""
        at = event.get_content_offset(self)
        if at is None or self.frame is None:
            return
        if at.y == 0:
            table = RunsTable(self.rows, self.view, self.palette, self.content_size.width)
            self.post_message(self.SortWanted(table.column_at(at.x)))
            return
        strips = [strip.text for strip in self._shown]
        end = next((y for y, text in enumerate(strips) if y and not text.strip()), len(strips))
        if at.y < end:
            self.select(first_shown(len(self.rows), self.selected, end - 1) + at.y - 1)
            self.post_message(self.Selected(opens=event.chain == 2))

    class SortWanted(Message):
        def __init__(self, column: str) -> None:
            self.column = column
            super().__init__()

    class Selected(Message):
        def __init__(self, *, opens: bool) -> None:
            self.opens = opens
            super().__init__()
