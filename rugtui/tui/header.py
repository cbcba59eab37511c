"""The header line."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len, set_cell_size
from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.live.history import of_other_kind
from rugtui.runtime.characters import printable
from rugtui.tui.charts import numbers
from rugtui.tui.charts.lines import line
from rugtui.tui.charts.palette import Palette
from rugtui.tui.panes.pane import Pane

SOURCE_MOST = 28


def headline(
    frame: Frame, screen: Sequence[str], palette: Palette, width: int, waited: float = 0.0
) -> Strip:
    """One strip with as many of the facts as fit, the most important ones first to stay.

    `screen` says how the screen itself is doing, what matters most first; `waited` is for how many
    seconds there was no Frame.
    """
    kept = facts(frame, screen, waited)
    while len(kept) > 1 and len(_joined(kept)) > width:
        kept.remove(max(kept, key=lambda fact: fact[0]))
    phase = palette.style("warning" if frame.phase == "failed" else "smooth", bold=True)
    pieces = [
        (f" {kept[0][1]} ", phase),
        (" · ".join(text for _, text in kept[1:]), palette.style("text")),
    ]
    return line(pieces, width)


def facts(frame: Frame, screen: Sequence[str], waited: float = 0.0) -> list[tuple[int, str]]:
    """(rank, text) of each fact; the highest rank is the first to go."""
    s = frame.settings
    if frame.phase == "loading" and frame.source:  # what it is like comes out when it is read
        return [(0, f"{frame.phase:<8}"), (1, _short(frame.source))]
    known = [
        (0, f"{frame.phase:<8}"),
        (1, _short(frame.source)),
        (2, f"{s.n_sparse:,} × {s.n_dense:,}"),
        (8, f"r {s.ratio:.3g}"),
        (1, f"p {s.p_on:.3g}"),
        (6, s.method),
        (3, f"lr {_rate(frame):.2g}"),
        (1, f"step {frame.step:,}"),
        (2, _ago(frame.save_age)),
        (0, frame.unsaved.partition(":")[0]),
        (1, f"no news for {waited:.0f} s")
        if waited
        else (3, f"{_pace(frame.steps_per_second)} steps/s"),
        (5, "" if waited else f"{_pace(frame.gemms_per_step)} GEMM"),
        (7, frame.plan),
        (5, frame.device),
        (4, numbers.duration(frame.seconds)),
        *zip((6, 9), screen, strict=False),
    ]
    return [(rank, text) for rank, text in known if text and "nan" not in text]


def _rate(frame: Frame) -> float:
    """The rate asked for; where a schedule or the method has its own, that of the last step, if it
    was one of this method."""
    s = frame.settings
    if s.method == "sgd" and s.schedule not in ("cosine", "warmup"):
        return s.learning_rate
    other = of_other_kind(np.array(frame.history.last("batch")), s.method)
    return math.nan if other else frame.history.last("lr")


def _short(source: str) -> str:
    """What a file or folder is called may be long, and may hold what a terminal would obey."""
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


def _joined(kept: list[tuple[int, str]]) -> str:
    return f" {kept[0][1]} " + " · ".join(text for _, text in kept[1:])


class Headline(Pane, can_focus=False):
    """One line, not a place to go to."""

    screen_facts: tuple[str, ...] = ()
    waited = 0.0
    """Seconds in which nothing came, where those are many."""

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return [headline(frame, self.screen_facts, palette, width, self.waited)]

    def wait(self, seconds: float) -> None:
        """Say how long nothing came; 0: say the pace again."""
        if seconds != self.waited:
            self.waited = seconds
            self.redraw()
