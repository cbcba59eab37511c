"""Which runs are shown and how: the user's choices as a frozen value, and the rows of the table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from rugtui.analysis import numbers
from rugtui.live.frame import Frame, OtherRun
from rugtui.live.history import HistoryView
from rugtui.runtime.terminal import printable
from rugtui.settings.settings import Settings, fields
from rugtui.storage.listing import Listed
from rugtui.tui.charts.palette import RGB, Palette

LIVE = ""
"""The key of the live run."""
SORTS = ("newest", "name", "state", "step", "loss", "× L*")
"""What the table can be sorted by; all but the first are columns."""


@dataclass(frozen=True, slots=True)
class RunsView:
    """Runs are named by their keys, LIVE and those of `OtherRun`."""

    hidden: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the user gave to runs."""
    reference: str = ""
    """The run that the others are compared with; empty if there is none."""
    sort: str = SORTS[0]
    down: bool = False
    """Whether the order is reversed."""
    filter: str = ""
    """Words that the name, state or settings of every run in the table contain."""

    def sorted_by(self, column: str) -> RunsView:
        """Sorted by a column; if it is already, in reverse."""
        down = column == self.sort and not self.down
        return dataclasses.replace(self, sort=column, down=down)

    def next_sort(self) -> RunsView:
        """Sorted by the next column."""
        return self.sorted_by(SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)])

    def matches(self, row: RunRow) -> bool:
        known = "" if row.settings is None else " ".join(differences(row.settings, Settings()))
        text = f"{row.letter} {row.name} {row.state} {known}".casefold()
        return all(word in text for word in self.filter.casefold().split())

    def toggled(self, key: str) -> RunsView:
        """With this run hidden, or shown again."""
        return dataclasses.replace(self, hidden=self.hidden ^ {key})

    def named(self, key: str, name: str) -> RunsView:
        """With another name for a run; an empty one restores its own."""
        names = {k: v for k, v in self.names.items() if k != key}
        if name.strip():
            names[key] = printable(" ".join(name.split()))
        return dataclasses.replace(self, names=MappingProxyType(names))

    def compared(self, key: str) -> RunsView:
        """With this run as the reference, and shown; if it was the reference, without one."""
        reference = "" if key == self.reference else key
        return dataclasses.replace(self, reference=reference, hidden=self.hidden - {reference})

    def shown(self, frame: Frame) -> list[OtherRun]:
        """The runs that are not hidden, the reference last: it is drawn over them."""
        seen = [run for run in frame.others if run.key not in self.hidden]
        return sorted(seen, key=lambda run: run.key == self.reference)

    def colour(self, run: OtherRun, palette: Palette) -> RGB:
        """One of the muted colours, by its letter; the reference stands out."""
        if run.key == self.reference:
            return palette.text
        return palette.others[(ord(run.letter) - ord("A")) % len(palette.others)]

    def legend(self, run: OtherRun, live: Settings) -> str:
        """The letter of a run with the name that the user gave it, else with its differences from
        the live run."""
        text = self.names.get(run.key) or ", ".join(differences(run.settings, live))
        return f"{run.letter} {text}".rstrip()


def differences(settings: Settings, other: Settings) -> list[str]:
    """The settings in which the first differs from the second, as text."""
    return [
        f"{one.name} {one.write(getattr(settings, one.name))}"
        for one in fields()
        if getattr(settings, one.name) != getattr(other, one.name)
    ]


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
    """None if they are unreadable."""
    colour: RGB
    hidden: bool = False
    reference: bool = False
    history: HistoryView | None = None
    """None before it is read."""
    on_disk: bool = False
    """Whether it is only on disk, and not in the charts."""
    trouble: str = ""


def run_rows(frame: Frame, view: RunsView, palette: Palette) -> list[RunRow]:
    """The live run, the others from the newest on, then those on disk, unless sorted otherwise."""
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
    """Sorted by a column, those without a value last."""
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
    """The names of the settings that vary among the runs in the charts."""
    names: dict[str, None] = {}
    own = live_row(rows).settings
    for row in rows:
        if row.settings is not None and own is not None and not row.on_disk:
            names |= dict.fromkeys(one.split()[0] for one in differences(row.settings, own))
    return list(names)


def live_row(rows: Sequence[RunRow]) -> RunRow:
    return next(row for row in rows if row.key == LIVE)
