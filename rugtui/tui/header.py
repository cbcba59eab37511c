"""The header: what runs where, how far it is, and its loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len, set_cell_size
from textual.strip import Strip

from rugtui.analysis import numbers
from rugtui.analysis.verdict import comparable
from rugtui.live.frame import Frame
from rugtui.live.history import of_other_kind
from rugtui.runtime.terminal import printable
from rugtui.tui.charts.lines import Piece, line
from rugtui.tui.charts.palette import ASCII, Palette
from rugtui.tui.panes.pane import Pane

SOURCE_MOST = 28
"""Characters of a file's name."""
BAR = 10
"""Columns of the bar that shows how far the run is."""

Fact = tuple[int, Sequence[Piece]]
"""A fact and its rank; the highest rank is dropped first."""


def headline(frame: Frame, palette: Palette, width: int, waited: float = 0.0) -> Strip:
    """One strip with as many facts as fit, a column free at both ends.

    `waited`: seconds without a Frame, if there are many.
    """
    kept = facts(frame, palette, waited)
    while len(kept) > 1 and len(_joined(kept)) > width - 1:
        kept.remove(max(kept, key=lambda fact: fact[0]))
    pieces: list[Piece] = [(" ", palette.style("text")), *kept[0][1]]
    for k, (_, fact) in enumerate(kept[1:]):
        pieces += [(" · " if k else " ", palette.style("faint")), *fact]
    return line([*pieces], width)


def facts(frame: Frame, palette: Palette, waited: float = 0.0) -> list[Fact]:
    s, text = frame.settings, palette.style("text")
    phase = palette.style("warning" if frame.phase == "failed" else "smooth", bold=True)
    source = _short(frame.source)
    if frame.phase == "loading" and frame.source:  # its sizes are known once it is read
        return [(0, [(f"{frame.phase:<8}", phase)]), (1, [(source, text)])]
    total = f" of {s.steps:,}" if s.steps else ""
    moves = frame.phase in ("training", "watching")
    pace = f"{_pace(frame.steps_per_second)} steps/s" if moves else ""
    shown = [
        (1, source),
        (2, f"{s.n_sparse:,} × {s.n_dense:,}"),
        (9, f"r {s.ratio:.3g}"),
        (1, f"p {s.p_on:.3g}"),
        (7, s.method),
        (5, f"lr {_rate(frame):.2g}"),
        (1, f"step {frame.step:,}{total}"),
        (2, _ago(frame.save_age)),
        (0, frame.unsaved.partition(":")[0]),
        (3, _left(frame) if moves else ""),
        (1, f"no news for {waited:.0f} s") if waited else (4, pace),
        (8, frame.plan),
        (6, frame.device),
        (6, f"{numbers.duration(frame.seconds)} trained"),
    ]
    found: list[Fact] = [(0, [(f"{frame.phase:<8}", phase)])]
    found += [(rank, [(words, text)]) for rank, words in shown if words and "nan" not in words]
    at = next((k for k, fact in enumerate(found) if fact[1][0][0].startswith("step ")), len(found))
    if s.steps:
        found.insert(at + 1, (5, _bar(frame.step / s.steps, palette)))
    if beside := _beside(frame, palette):
        found.insert(at, (2, beside))
    return found


def _beside(frame: Frame, palette: Palette) -> Sequence[Piece]:
    """The loss as a multiple of L*, as the theory pane has it."""
    if frame.levels is None or not comparable(frame.settings):
        return ()
    ratio = numbers.ratio(numbers.quotient(frame.trained.loss, frame.levels.loss))
    return () if ratio == "-" else [(f"{ratio} × L*", palette.style("optimum"))]


def _bar(share: float, palette: Palette) -> Sequence[Piece]:
    done = round(BAR * min(max(share, 0.0), 1.0))
    full, rest = "=-" if palette.glyphs == ASCII else "━─"
    return [
        (full * done, palette.style("smooth")),
        (rest * (BAR - done), palette.style("faint")),
    ]


def _left(frame: Frame) -> str:
    steps = frame.settings.steps - frame.step
    if steps <= 0 or not frame.steps_per_second > 0:
        return ""
    return f"{numbers.duration(steps / frame.steps_per_second)} left"


def _rate(frame: Frame) -> float:
    """The learning rate of the settings; where a schedule or the method sets it, that of the last
    step, if that step was of this method."""
    s = frame.settings
    if s.method == "sgd" and s.schedule not in ("cosine", "warmup"):
        return s.learning_rate
    other = of_other_kind(np.array(frame.history.last("batch")), s.method)
    return math.nan if other else frame.history.last("lr")


def _short(source: str) -> str:
    """The name of a file or folder, cut short, without control characters."""
    shown = printable(source)
    if cell_len(shown) <= SOURCE_MOST:
        return shown
    return f"{set_cell_size(shown, SOURCE_MOST - 1).rstrip()}…"


def _ago(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return (
        f"saved {seconds:.0f} s ago" if seconds < 100 else f"saved {numbers.duration(seconds)} ago"
    )


def _pace(value: float) -> str:
    if not math.isfinite(value):
        return "nan"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _joined(kept: Sequence[Fact]) -> str:
    texts = ["".join(text for text, _ in fact) for _, fact in kept]
    return f" {texts[0]} " + " · ".join(texts[1:])


class Header(Pane, can_focus=False):
    """The header as a pane of one line."""

    waited = 0.0
    """Seconds without a Frame, if there are many."""

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return [headline(frame, palette, width, self.waited)]

    def wait(self, seconds: float) -> None:
        """Show for how long no Frame came; with 0, steps per second again."""
        if seconds != self.waited:
            self.waited = seconds
            self.redraw()
