"""Sheets that update every second: the system over time, and the run's log."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rugtui.errors import DamagedError
from rugtui.live.frame import Frame
from rugtui.runtime.machine import Usage, size
from rugtui.runtime.terminal import printable
from rugtui.storage.files import last_lines
from rugtui.storage.run_directory import LOG
from rugtui.tui.panes.pane import HasPreferences
from rugtui.tui.panes.symmetry import ASCII_EIGHTHS, EIGHTHS
from rugtui.tui.screens.overlay import HasFrames, Overlay

SECONDS = 1.0
"""Between samples, and between readings of the log."""
KEPT = 600
"""Samples kept for the charts."""
ROWS = 2
"""Of each chart."""
TAIL = 256 << 10
"""Bytes at the end of a log that are shown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The system at one time, and what is sent to the terminal."""

    usage: Usage
    kib: float
    """KiB per second to the terminal."""
    fps: float


@runtime_checkable
class HasSamples(Protocol):
    """An app that samples the system."""

    @property
    def samples(self) -> Sequence[Sample]: ...


@dataclass(frozen=True, slots=True)
class Quantity:
    name: str
    value: Callable[[Sample], float]
    text: Callable[[float], str]


QUANTITIES = (
    Quantity("CPU (of a core)", lambda s: s.usage.cpu, lambda v: f"{v:.0f} %"),
    Quantity("memory", lambda s: s.usage.memory, size),
    Quantity("GPU", lambda s: s.usage.gpu, lambda v: f"{v:.0f} %"),
    Quantity("GPU memory", lambda s: s.usage.gpu_memory, size),
    Quantity("GPU power", lambda s: s.usage.gpu_power, lambda v: f"{v:.0f} W"),
    Quantity("terminal output", lambda s: s.kib, lambda v: f"{v:.1f} KiB/s"),
    Quantity("frames drawn", lambda s: s.fps, lambda v: f"{v:.1f} fps"),
)


def bars(values: Sequence[float], width: int, height: int, *, ascii_only: bool) -> list[str]:
    """Values as bars from 0 to their largest, the newest at the right."""
    shown, top = list(values)[-width:], max([value for value in values if value > 0], default=1.0)
    eighths = [0 if math.isnan(v) else round(8 * height * max(v, 0.0) / top) for v in shown]
    blocks = ASCII_EIGHTHS if ascii_only else EIGHTHS
    return [
        "".join(blocks[min(max(one - 8 * row, 0), 8)] for one in eighths).rjust(width)
        for row in reversed(range(height))
    ]


def charts(samples: Sequence[Sample], width: int, *, ascii_only: bool) -> str:
    """Each known quantity: its name, current value and maximum, and a chart over time."""
    parts = []
    for one in QUANTITIES:
        values = [one.value(sample) for sample in samples]
        known = [value for value in values if not math.isnan(value)]
        if not known:
            continue
        head = f"{one.name:<16}{one.text(known[-1]):>14}{'max ' + one.text(max(known)):>26}"
        parts.append("\n".join([head, *bars(values, width, ROWS, ascii_only=ascii_only)]))
    return "\n".join(parts) or "The first sample follows in a second."


def log_tail(folder: str) -> str:
    """The newest lines of a run's log, or why there are none."""
    if not folder:
        return "No run yet, so there is no log."
    try:
        lines = last_lines(Path(folder) / LOG, TAIL)
    except FileNotFoundError:
        return "Nothing is in the log yet."
    except (OSError, DamagedError) as error:
        return printable(str(error))
    return "\n".join(map(printable, lines)) or "Nothing is in the log yet."


class _TextSheet(Overlay[None]):
    """A sheet of text that is updated every second."""

    heading, below = "", "escape closes"
    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title, sheet.border_subtitle = self.heading, self.below
            with VerticalScroll():
                yield Static("", markup=False)

    def on_mount(self) -> None:
        self._text_shown = ""
        self.update_text()
        self.set_interval(SECONDS, self.update_text)
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self.update_text)

    def text(self) -> str:
        raise NotImplementedError

    def update_text(self) -> None:
        if (text := self.text()) != self._text_shown:
            self._text_shown = text
            self.query_one(Static).update(text)


class System(_TextSheet):
    heading, below = "System", "newest on the right · escape closes"
    BINDINGS = [Binding("m", "dismiss", "Close", id="system")]

    def text(self) -> str:
        assert isinstance(self.app, HasSamples)
        plain = isinstance(self.app, HasPreferences) and self.app.preferences.ascii
        return charts(
            self.app.samples, self.query_one(VerticalScroll).size.width - 2, ascii_only=plain
        )


class RunLog(_TextSheet):
    """Follows the end of the log, unless the user scrolls up."""

    heading, below = "Log of the run", "newest at the bottom · escape closes"
    BINDINGS = [Binding("L", "dismiss", "Close", id="log")]

    def text(self) -> str:
        frame = self.app.latest if isinstance(self.app, HasFrames) else None
        return log_tail(frame.files if isinstance(frame, Frame) else "")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).anchor()
