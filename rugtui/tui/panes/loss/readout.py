"""What the curves say at the crosshair, in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from rich.style import Style

from rugtui.analysis import numbers
from rugtui.analysis.verdict import has_levels
from rugtui.live.frame import Frame
from rugtui.live.history import HistoryView
from rugtui.tui.charts.palette import RGB, Palette, ink
from rugtui.tui.panes.loss.series import Derived

SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Fact:
    """A piece of the line; the highest rank is dropped first if the line is too short."""

    rank: int
    name: str
    value: str
    colour: str | RGB = "text"
    """Of the palette by name, or one of its own."""

    @property
    def text(self) -> str:
        return f"{self.name} {self.value}" if self.name else self.value

    def style(self, palette: Palette) -> Style:
        """What its value is written in."""
        return palette.style(self.colour) if isinstance(self.colour, str) else ink(self.colour)


def history_facts(
    frame: Frame, derived: Derived, index: int, *, crossed: bool = True
) -> list[Fact]:
    """Every series at one result, and the theory at its p.

    Where it is not `crossed`, the loss is that of the Frame, as the other panes have it.
    """
    history = frame.history
    step, loss, p = (float(history.column(name)[index]) for name in ("step", "loss", "p"))
    now, name = (float(derived.smoothed[index]), "smoothed")
    if not crossed:
        step, now, name = frame.step, frame.trained.loss, frame.trained.estimate
    known = [
        Fact(0 if crossed else 6, "step", f"{step:,.0f}"),
        Fact(4, "train", numbers.loss(loss), "faint"),
        Fact(1, name, numbers.loss(now), "heldout" if name == "held out" else "smooth"),
    ]
    known += heldout_facts(history, derived, index, step) if name != "held out" else []
    if frame.levels is None or not has_levels(frame.settings):
        return known
    if math.isfinite(p) and p != frame.levels.p:
        return [*known, Fact(3, "p", f"{p:.3g}")]
    best = frame.levels.loss
    return [
        *known,
        Fact(5, "L*", numbers.loss(best), "optimum"),
        Fact(3, "× L*", numbers.ratio(numbers.quotient(now, best)), "optimum"),
    ]


def heldout_facts(history: HistoryView, derived: Derived, index: int, step: float) -> list[Fact]:
    """The last held-out loss at or before a result, if it is of the same p; and its step, if that
    is another than `step`."""
    before = derived.heldout[: int(np.searchsorted(derived.heldout, index, side="right"))]
    at_p = history.column("p")
    if not before.size or abs(at_p[before[-1]] - at_p[index]) > 0:
        return []
    value, error, at = (
        float(history.column(name)[before[-1]])
        for name in ("heldout", "heldout_standard_error", "step")
    )
    said = f"{numbers.loss(value)} ± {numbers.short_exponent(f'{error:.0e}')}"
    return [Fact(2, "held out", said if at == step else f"{said} @{at:,.0f}", "heldout")]


def laid_out(facts: list[Fact], width: int, lines: int) -> list[list[Fact]]:
    """The facts that fit into so many lines; more important ones have priority."""
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: fact.rank):
        longer = [one for one in facts if one in kept or one is fact]
        if not kept or len(_broken(longer, width)) <= lines:
            kept = longer
    return _broken(kept, width)


def _broken(facts: list[Fact], width: int) -> list[list[Fact]]:
    """Facts in lines of at most this width, each line as full as it gets."""
    lines: list[list[Fact]] = [[]]
    for fact in facts:
        if lines[-1] and len(text([*lines[-1], fact])) > width:
            lines.append([])
        lines[-1].append(fact)
    return lines


def text(facts: list[Fact]) -> str:
    return SEPARATOR.join(fact.text for fact in facts)
