"""The table of runs: the live one and the others, with what they came to and how they differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.live.frame import Frame, OtherRun
from rugtui.runtime.characters import printable
from rugtui.settings.settings import Settings, declared, fields
from rugtui.tui.charts.lines import blank, fit, line, paragraph
from rugtui.tui.charts.palette import ASCII, RGB, Palette, ink
from rugtui.tui.panes.pane import Pane


@dataclass(frozen=True, slots=True)
class RunsView:
    """Keys are those of the runs; "" is the live one."""

    hidden: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the user gave."""
    reference: str = ""
    """The run that the others are compared with; empty where there is none."""

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
LEAST_NAME, LEAST_DIFFERENCES = 8, 13


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
    settings: Settings
    colour: RGB
    hidden: bool = False
    reference: bool = False


def run_rows(frame: Frame, view: RunsView, palette: Palette) -> list[RunRow]:
    """The live run first, then the others from the newest on."""
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
            )
        )
    return rows


def varying(rows: Sequence[RunRow]) -> list[str]:
    """The names of the settings that are not the same in all runs."""
    names: dict[str, None] = {}
    for row in rows[1:]:
        names |= dict.fromkeys(
            one.split()[0] for one in differences(row.settings, rows[0].settings)
        )
    return list(names)


def runs_table(
    rows: Sequence[RunRow], selected: int, palette: Palette, width: int, height: int
) -> list[Strip]:
    """As many rows as there is room for, the selected one among them, and below all about it."""
    reference = next((row for row in rows if row.reference), None)
    names = varying(rows)
    columns = _columns(width, reference, rows, names)
    about = _about(rows, selected, reference, palette, width)
    about = about[: max(height - 4, 0)]
    room = max(height - 1 - len(about) - bool(about), 1)
    first = min(max(selected - room // 2, 0), max(len(rows) - room, 0))
    body = [_heading(columns, palette, width)]
    for place, row in list(enumerate(rows))[first : first + room]:
        body.append(_row(row, columns, names, place == selected, reference, palette, width))
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
    told = max(len(_differences(row, names)) for row in rows) + 1
    longest = max(cell_len(row.name) for row in rows) + 1
    spare = rest - max(told, LEAST_DIFFERENCES) if names else rest
    if (more := min(longest - NAME, spare)) > 0:
        wanted["name"] += more
        rest -= more
    if names and rest >= LEAST_DIFFERENCES:
        wanted[DIFFERS] = rest
    return wanted


def _heading(columns: dict[str, int], palette: Palette, width: int) -> Strip:
    cells = [
        _cell(name, wide, palette, right=_to_the_right(name)) for name, wide in columns.items()
    ]
    return line([("   " + "".join(cells), palette.style("faint"))], width)


def _row(
    row: RunRow,
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
        DIFFERS: _differences(row, names),
    }
    if reference is not None:
        said[f"× {reference.letter}"] = numbers.ratio(numbers.quotient(row.loss, reference.loss))
    mark = "*" if row.key == LIVE else "=" if row.reference else "-" if row.hidden else " "
    cells = [
        _cell(said[name], wide, palette, right=_to_the_right(name))
        for name, wide in columns.items()
    ]
    text = "".join(cells)
    style = palette.style("faint") if row.hidden else palette.style("text")
    pieces = [(f"{row.letter or ' '}{mark} ", ink(row.colour, True)), (text.ljust(width), style)]
    if selected:
        pieces = [(text, style + REVERSED) for text, style in pieces]
    return line(pieces, width)


def _differences(row: RunRow, names: list[str]) -> str:
    return "  " + ", ".join(f"{name} {written(row.settings, name)}" for name in names)


def _about(
    rows: Sequence[RunRow], selected: int, reference: RunRow | None, palette: Palette, width: int
) -> list[Strip]:
    """The selected run in words: its whole name, and how it differs from the one compared with."""
    row = rows[selected]
    other = reference if reference is not None and not row.reference else rows[0]
    against = f"{other.letter}" if other.letter else "the live run"
    said = "The live run" if row.key == LIVE else f"{row.letter}: {row.name}"
    if row.hidden:
        said += ", hidden"
    told = differences(row.settings, other.settings)
    if len(rows) == 1:
        tail = " It is alone: what needs a restart leaves it here, and saved ones can be read."
    elif row.key == other.key:
        tail = ""
    elif told:
        tail = f" Not as {against}: {', '.join(told)}."
    else:
        tail = f" Its settings are those of {against}."
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


class RunsPane(Pane):
    """The table itself."""

    view = RunsView()
    selected = 0

    @property
    def rows(self) -> list[RunRow]:
        return run_rows(self.frame, self.view, self.palette) if self.frame else []

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        rows = run_rows(frame, self.view, palette)
        self.selected = min(self.selected, len(rows) - 1)
        return runs_table(rows, self.selected, palette, width, height)
