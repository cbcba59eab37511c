"""The table of runs: the live one and others, with their results and differences."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.live.frame import Frame, OtherRun
from rugtui.live.history import HistoryView
from rugtui.runtime.characters import printable
from rugtui.settings.settings import Settings, declared, fields
from rugtui.storage.listing import Listed
from rugtui.tui.charts.canvas import Font, Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.drawing import LEAST as CHART
from rugtui.tui.charts.drawing import chart_strips
from rugtui.tui.charts.lines import blank, fit, line, paragraph
from rugtui.tui.charts.palette import ASCII, RGB, Palette, ink
from rugtui.tui.charts.view import ChartView
from rugtui.tui.panes.pane import HasPreferences, Pane

SORTS = ("newest", "name", "state", "step", "loss", "× L*")
"""What the table can be sorted by; all but the first are columns."""


@dataclass(frozen=True, slots=True)
class RunsView:
    """Keys are those of the runs; "" is the live one."""

    hidden: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the user gave."""
    reference: str = ""
    """The run that the others are compared with; empty if there is none."""
    sort: str = SORTS[0]
    down: bool = False
    """Whether the greatest comes first; of the newest, the oldest."""
    filter: str = ""
    """Words that a run must have in its name, state or settings to be in the table."""

    def sorted_by(self, column: str) -> RunsView:
        """Sorted by a column; by the one that it is sorted by, the other way round."""
        down = column == self.sort and not self.down
        return dataclasses.replace(self, sort=column, down=down)

    def next_sort(self) -> RunsView:
        """Sorted by the next column."""
        return self.sorted_by(SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)])

    def matches(self, row: RunRow) -> bool:
        known = "" if row.settings is None else " ".join(differences(row.settings, Settings()))
        said = f"{row.letter} {row.name} {row.state} {known}".casefold()
        return all(word in said for word in self.filter.casefold().split())

    def toggled(self, key: str) -> RunsView:
        """With this run hidden, or shown again."""
        return dataclasses.replace(self, hidden=self.hidden ^ {key})

    def named(self, key: str, name: str) -> RunsView:
        """With another name for a run; an empty one gives it its own back."""
        names = {k: v for k, v in self.names.items() if k != key}
        if name.strip():
            names[key] = printable(" ".join(name.split()))
        return dataclasses.replace(self, names=MappingProxyType(names))

    def compared(self, key: str) -> RunsView:
        """With this run as the one to compare with, and shown; or with none, if it was the one."""
        reference = "" if key == self.reference else key
        return dataclasses.replace(self, reference=reference, hidden=self.hidden - {reference})

    def shown(self, frame: Frame) -> list[OtherRun]:
        """The runs that are not hidden, the one to compare with last: it is drawn over them."""
        seen = [run for run in frame.others if run.key not in self.hidden]
        return sorted(seen, key=lambda run: run.key == self.reference)

    def colour(self, run: OtherRun, palette: Palette) -> RGB:
        """One of the quiet colours, by its letter; the run to compare with stands out."""
        if run.key == self.reference:
            return palette.text
        return palette.others[(ord(run.letter) - ord("A")) % len(palette.others)]

    def legend(self, run: OtherRun, live: Settings) -> str:
        """A run in few letters: the name it was given, else what it has that the live one has not,
        else its letter alone."""
        said = self.names.get(run.key) or ", ".join(differences(run.settings, live))
        return f"{run.letter} {said}".rstrip()


def differences(settings: Settings, other: Settings) -> list[str]:
    """The settings of the first that the second has otherwise, as people write them."""
    return [
        f"{one.name} {one.write(getattr(settings, one.name))}"
        for one in fields()
        if getattr(settings, one.name) != getattr(other, one.name)
    ]


LIVE = ""
"""The key of the live run."""
REVERSED = Style(reverse=True)
NAME, STATE, STEP, LOSS, RATIO = 14, 9, 10, 10, 8
DIFFERS = "  differs in"
LEAST_NAME, LEAST_DIFFERENCES, MOST_DIFFERENCES = 8, 13, 40


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the table shows it."""

    key: str
    letter: str
    name: str
    state: str
    step: int
    loss: float
    optimum: float
    settings: Settings | None
    """None if they cannot be read."""
    colour: RGB
    hidden: bool = False
    reference: bool = False
    history: HistoryView | None = None
    """None of a run that was not read yet."""
    on_disk: bool = False
    """Whether it is there only, and not in the charts."""
    trouble: str = ""


def run_rows(frame: Frame, view: RunsView, palette: Palette) -> list[RunRow]:
    """The live run, then the others from the newest on, then those on disk; or sorted."""
    optimum = frame.levels.loss if frame.levels else math.nan
    own = printable(frame.run.rpartition("/")[2])
    rows = [
        RunRow(
            LIVE,
            "",
            own,
            frame.phase,
            frame.step,
            frame.trained.loss,
            optimum,
            frame.settings,
            palette.smooth,
            history=frame.history,
        )
    ]
    for run in reversed(frame.others):
        rows.append(
            RunRow(
                run.key,
                run.letter,
                view.names.get(run.key, run.name),
                run.state,
                run.step,
                run.loss,
                run.optimum,
                run.settings,
                view.colour(run, palette),
                run.key in view.hidden,
                run.key == view.reference,
                run.history,
            )
        )
    known = {frame.run, *(run.key for run in frame.others)}
    rows += [
        _on_disk(run, frame, view, palette)
        for run in frame.saved or ()
        if str(run.path) not in known
    ]
    rows[1:] = [row for row in rows[1:] if view.matches(row)]
    return _sorted(rows, view)


def _on_disk(run: Listed, frame: Frame, view: RunsView, palette: Palette) -> RunRow:
    key = str(run.path)
    seen = frame.preview if frame.preview and frame.preview.key == key else None
    return RunRow(
        key,
        "",
        view.names.get(key, printable(run.name)),
        run.state,
        run.step,
        math.nan if run.loss is None else run.loss,
        run.optimum,
        run.settings,
        palette.text,
        history=seen.history if seen else None,
        on_disk=True,
        trouble=printable(run.trouble),
    )


def _sorted(rows: list[RunRow], view: RunsView) -> list[RunRow]:
    """By a column, what has no value in it last."""
    if view.sort == SORTS[0]:
        return [rows[0], *rows[:0:-1]] if view.down else rows
    of = {
        "name": lambda row: row.name.casefold(),
        "state": lambda row: row.state,
        "step": lambda row: row.step,
        "loss": lambda row: row.loss,
        "× L*": lambda row: numbers.quotient(row.loss, row.optimum),
    }[view.sort]
    known = [row for row in rows if of(row) == of(row)]  # what is not NaN
    rest = [row for row in rows if of(row) != of(row)]
    return [*sorted(known, key=of, reverse=view.down), *rest]


def varying(rows: Sequence[RunRow]) -> list[str]:
    """The names of the settings that are not the same in all runs that are in the charts."""
    names: dict[str, None] = {}
    own = _live(rows).settings
    for row in rows:
        if row.settings is not None and own is not None and not row.on_disk:
            names |= dict.fromkeys(one.split()[0] for one in differences(row.settings, own))
    return list(names)


def _live(rows: Sequence[RunRow]) -> RunRow:
    return next(row for row in rows if row.key == LIVE)


PREVIEW, LEAST_TABLE = 9, 14
"""Rows of the curve of the selected run, and those that it leaves the table and its sentences."""


def first_shown(count: int, selected: int, room: int) -> int:
    return min(max(selected - room // 2, 0), max(count - room, 0))


def runs_table(
    rows: Sequence[RunRow],
    selected: int,
    palette: Palette,
    width: int,
    height: int,
    view: RunsView = RunsView(),
    note: str = "",
) -> list[Strip]:
    """As many rows as there is room for, the selected one among them, and below all about it.

    `note`: what is to be said above that.
    """
    reference = next((row for row in rows if row.reference), None)
    names = varying(rows)
    columns = _columns(width, reference, rows, names)
    about = paragraph(note, palette.style("faint"), width) if note else []
    about += _about(rows, selected, reference, palette, width)
    about = about[: max(height - 4, 0)]
    room = max(height - 1 - len(about) - bool(about), 1)
    first = first_shown(len(rows), selected, room)
    body = [_heading(columns, view, palette, width)]
    for place, row in list(enumerate(rows))[first : first + room]:
        body.append(
            _row(row, _live(rows), columns, names, place == selected, reference, palette, width)
        )
    body += [blank(width)] * (1 + room - len(body))
    return fit([*body, blank(width), *about] if about else body, width, height)


def _columns(
    width: int, reference: RunRow | None, rows: Sequence[RunRow], names: list[str]
) -> dict[str, int]:
    """Columns and their widths, the least important left out where there is no room.

    Names have what the differences leave, as much as they take.
    """
    wanted = {"name": NAME, "state": STATE, "step": STEP, "loss": LOSS, "× L*": RATIO}
    if reference is not None:
        wanted[f"× {reference.letter}"] = RATIO
    for name in ("state", "step"):
        if 3 + sum(wanted.values()) > width:
            del wanted[name]
    rest = width - 3 - sum(wanted.values())
    if rest < 0:
        wanted["name"] = max(wanted["name"] + rest, LEAST_NAME)
    told = max(len(_differences(row, _live(rows), names)) for row in rows) + 1
    differ = told > 3
    longest = max(cell_len(row.name) for row in rows) + 1
    spare = rest - max(min(told, MOST_DIFFERENCES), LEAST_DIFFERENCES) if differ else rest
    if (more := min(longest - NAME, spare)) > 0:
        wanted["name"] += more
        rest -= more
    if differ and rest >= LEAST_DIFFERENCES:
        wanted[DIFFERS] = rest
    return wanted


def column_at(columns: dict[str, int], x: int) -> str:
    """The column that holds a place of the heading; the first kind of order beside them."""
    end = 3
    for name, wide in columns.items():
        end += wide
        if x < end:
            return name if name in SORTS else SORTS[0]
    return SORTS[0]


def _heading(columns: dict[str, int], view: RunsView, palette: Palette, width: int) -> Strip:
    up, down = ("^", "v") if palette.glyphs is ASCII else ("▲", "▼")
    mark = f" {down if view.down else up}"
    cells = [
        _cell(name + mark * (name == view.sort), wide, palette, right=_to_the_right(name))
        for name, wide in columns.items()
    ]
    return line([("   " + "".join(cells), palette.style("faint"))], width)


def _row(
    row: RunRow,
    live: RunRow,
    columns: dict[str, int],
    names: list[str],
    selected: bool,
    reference: RunRow | None,
    palette: Palette,
    width: int,
) -> Strip:
    said = {
        "name": row.name or "live",
        "state": row.state,
        "step": f"{row.step:,}",
        "loss": numbers.loss(row.loss),
        "× L*": numbers.ratio(numbers.quotient(row.loss, row.optimum)),
        DIFFERS: _differences(row, live, names),
    }
    if reference is not None:
        said[f"× {reference.letter}"] = numbers.ratio(numbers.quotient(row.loss, reference.loss))
    mark = "*" if row.key == LIVE else "=" if row.reference else "-" if row.hidden else " "
    cells = [
        _cell(said[name], wide, palette, right=_to_the_right(name))
        for name, wide in columns.items()
    ]
    text = "".join(cells)
    style = palette.style("faint") if row.hidden or row.on_disk else palette.style("text")
    pieces = [(f"{row.letter or ' '}{mark} ", ink(row.colour, True)), (text.ljust(width), style)]
    if selected:
        pieces = [(text, style + REVERSED) for text, style in pieces]
    return line(pieces, width)


def _differences(row: RunRow, live: RunRow, names: list[str]) -> str:
    """Of runs in the charts, what is not the same in all of them; of one on disk, what the live run
    has otherwise, or what is wrong with it."""
    if row.settings is None or live.settings is None:
        return f"  {row.trouble}"
    if row.on_disk:
        return "  " + ", ".join(differences(row.settings, live.settings))
    return "  " + ", ".join(f"{name} {written(row.settings, name)}" for name in names)


def _about(
    rows: Sequence[RunRow], selected: int, reference: RunRow | None, palette: Palette, width: int
) -> list[Strip]:
    """The selected run in words: its whole name, and how it differs from the one compared with."""
    row = rows[selected]
    other = reference if reference is not None and not row.reference else rows[0]
    against = f"run {other.letter}" if other.letter else "the live run"
    named = f"{row.letter}: {row.name}" if row.letter else row.name
    said = "The live run" if row.key == LIVE else named
    if row.hidden:
        said += ", hidden"
    if row.on_disk:
        said += f", {row.state}, on disk and not in the charts; its loss is that of its last batch"
    told = [row.trouble]
    if row.settings is not None and other.settings is not None:
        told = differences(row.settings, other.settings)
    if len(rows) == 1:
        tail = " After a change that needs a restart, the previous run stays in this list."
    elif row.settings is None:
        tail = f" It cannot be read: {row.trouble}."
    elif row.key == other.key:
        tail = ""
    elif told:
        tail = f" Differs from {against}: {', '.join(told)}."
    else:
        tail = f" Same settings as {against}."
    return paragraph(f"{said}.{tail}", palette.style("text"), width)


def written(settings: Settings, name: str) -> str:
    """A setting's value as people write it."""
    return declared(name).write(getattr(settings, name))


def _to_the_right(name: str) -> bool:
    return name in ("step", "loss") or name.startswith("×")


def _cell(text: str, width: int, palette: Palette, *, right: bool = False) -> str:
    """Text in a column and a space after or before it; where it is cut short, it says so."""
    if cell_len(text) > width - 1:
        mark = "~" if palette.glyphs is ASCII else "…"
        text = set_cell_size(text, max(width - 2, 0)) + mark
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding


def preview_strips(
    row: RunRow, palette: Palette, font: Font, width: int, height: int
) -> list[Strip]:
    """The loss of a run against its steps, over L*."""
    history = row.history
    if history is None or len(history) < 2:
        read = "Reading its curve …" if history is None else "No curve yet."
        said = "" if row.settings is None else read
        return fit([blank(width), line([(said, palette.style("faint"))], width)], width, height)
    loss = np.where(history.column("loss") > 0, history.column("smoothed"), math.nan)
    curve = Curve("loss", history.column("step"), loss, Pen(row.colour, "*"), thick=True)
    levels = (Level("L*", row.optimum, palette.optimum),) if row.optimum > 0 else ()
    return chart_strips(Chart((curve,), levels), ChartView(), palette, font, width, height)


class RunsPane(Pane):
    """The table itself, and the curve of the selected run."""

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
        table = runs_table(
            rows, chosen, palette, width, height - preview, self.view, self._note(frame)
        )
        if not preview:
            return table
        assert isinstance(self.app, HasPreferences)
        font = Font(not self.app.braille)
        return [*table, *preview_strips(rows[chosen], palette, font, width, preview)]

    def _note(self, frame: Frame) -> str:
        told = "" if frame.saved is not None else "Looking for runs on disk …"
        return f"filter: {self.view.filter}" if self.view.filter else told

    def on_click(self, event: events.Click) -> None:
        """The heading sorts, a row is selected, and opened where it is clicked twice."""
        at = event.get_content_offset(self)
        if at is None or self.frame is None:
            return
        if at.y == 0:
            self.post_message(self.SortWanted(self._column_at(at.x)))
            return
        strips = [strip.text for strip in self._shown]
        end = next((y for y, text in enumerate(strips) if y and not text.strip()), len(strips))
        if at.y < end:
            self.select(first_shown(len(self.rows), self.selected, end - 1) + at.y - 1)
            self.post_message(self.Selected(opens=event.chain == 2))

    def _column_at(self, x: int) -> str:
        rows = self.rows
        reference = next((row for row in rows if row.reference), None)
        return column_at(_columns(self.content_size.width, reference, rows, varying(rows)), x)

    class SortWanted(Message):
        def __init__(self, column: str) -> None:
            self.column = column
            super().__init__()

    class Selected(Message):
        def __init__(self, *, opens: bool) -> None:
            self.opens = opens
            super().__init__()
