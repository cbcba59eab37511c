"""The curves of the loss pane, and what they say at the crosshair: the loss against steps, theory
against r and p, and the other runs beside the live one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from rugtui.analysis import numbers
from rugtui.analysis.verdict import has_levels, measured_for
from rugtui.live.frame import Frame, OtherRun
from rugtui.live.history import HistoryView
from rugtui.settings.settings import Settings
from rugtui.tui.charts.canvas import Pen
from rugtui.tui.charts.chart import Chart, Curve, Level
from rugtui.tui.charts.lines import Fact
from rugtui.tui.charts.palette import Palette
from rugtui.tui.charts.view import nearest
from rugtui.tui.panes.loss.series import Derived, Smoother, smoothed
from rugtui.tui.panes.runs_view import RunsView

if TYPE_CHECKING:
    from rugtui.theory.levels import LevelCurves


def loss_chart(
    frame: Frame, derived: Derived, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """The loss of a Frame's run against steps, over the curves `behind` of other runs."""
    history = frame.history
    steps, known = history.column("step"), derived.heldout
    return Chart(
        curves=(
            Curve("train", steps, history.column("loss"), Pen(palette.faint, "."), under=True),
            Curve("smoothed", steps, derived.smoothed, Pen(palette.smooth, "*"), thick=True),
            Curve(
                "held out",
                steps[known],
                history.column("heldout")[known],
                Pen(palette.heldout, "o"),
                "points",
                history.column("heldout_standard_error")[known],
            ),
            *_exact(frame, palette),
        ),
        levels=tuple(levels(frame, palette)),
        marks=history.marks,
        behind=behind,
    )


def _exact(frame: Frame, palette: Palette) -> list[Curve]:
    """The exact losses of the trained weights, each at the step whose weights it is of. While the
    rug is shown, W means the rug in the other panes, so the name is another."""
    trained = frame.trained
    if not trained.trend or not measured_for(frame.settings):
        return []
    name = "exact(W)" if frame.shown == "trained" else "trained W"
    if trained.trend_at[-1] != frame.step and frame.shown == "trained":
        name = f"exact @{numbers.count(trained.trend_at[-1])}"
    steps = np.array(trained.trend_at, float)
    exact = np.array([one.exact for one in trained.trend])
    error = np.array([one.exact_standard_error for one in trained.trend])
    return [Curve(name, steps, exact, Pen(palette.exact, "x"), "points", error, named=True)]


def levels(frame: Frame, palette: Palette) -> list[Level]:
    """The levels of theory, most important first, each since the step at which p last changed."""
    known = frame.levels
    if known is None or not has_levels(frame.settings):
        return []
    since = p_since(frame.history, known.p)
    lines = [
        Level("L*", known.loss, palette.optimum, since=since),
        *_past_optima(frame, palette),
        Level("linear", known.linear, palette.bound, True, since),
    ]
    if below := frame.structured:
        lines.append(Level("L_end", below.loss_end, palette.end, True, since))
        lines.append(Level("L_pairs", below.loss_pairs, palette.pairs, True, since))
    if frame.shown == "rug" and frame.rug is not None and math.isfinite(frame.rug.loss):
        lines.append(Level("rug", frame.rug.loss, palette.gaussian, True, since))
    lines.append(Level("elementwise", known.elementwise, palette.elementwise, True, since))
    return lines


def _past_optima(frame: Frame, palette: Palette) -> list[Level]:
    """L* at earlier p, each over the steps trained at that p."""
    history, optima = frame.history, dict(frame.past_optima)
    steps, now = history.column("step"), p_since(history, frame.levels.p if frame.levels else 0.0)
    found = []
    for begin, end in pairwise([0, *history.breaks.tolist(), len(history)]):
        p = float(history.column("p")[begin]) if end else math.nan
        if p in optima and steps[end - 1] <= now:
            since = float(steps[begin - 1]) if begin else -math.inf
            found.append(
                Level("", optima[p], palette.optimum, since=since, until=float(steps[end - 1]))
            )
    return found


def p_since(history: HistoryView, p: float) -> float:
    """The last step at another p, up to which other levels applied."""
    trained_at = history.column("p")
    other = np.flatnonzero(trained_at != p)
    other = other[np.isfinite(trained_at[other])]
    return float(history.column("step")[other[-1]]) if other.size else -math.inf


def history_facts(
    frame: Frame, derived: Derived, index: int, *, crossed: bool = True
) -> list[Fact]:
    """Every series at one result, and L* at its p. Without a crosshair (`crossed`) the loss and p
    are those of the Frame, as in the other panes."""
    history = frame.history
    step, loss, p = (float(history.column(name)[index]) for name in ("step", "loss", "p"))
    now, name, at_this_p = float(derived.smoothed[index]), "smoothed", True
    if not crossed:
        at_this_p = not abs(p - frame.settings.p_on) > 0  # an unknown p counts
        step, now, name = frame.step, frame.trained.loss, frame.trained.estimate
        p = frame.settings.p_on
    known = [
        Fact(0 if crossed else 6, "step", f"{step:,.0f}"),
        *([Fact(4, "train", numbers.loss(loss), "faint")] if at_this_p else []),
        Fact(1, name, numbers.loss(now), "heldout" if name == "held out" else "smooth"),
    ]
    known += heldout_facts(history, derived, index, step, p) if name != "held out" else []
    if frame.levels is None or not has_levels(frame.settings):
        return known
    best = frame.levels.loss
    if abs(p - frame.levels.p) > 0:
        known.append(Fact(3, "p", f"{p:.3g}"))
        best = dict(frame.past_optima).get(p, math.nan)
    if not math.isfinite(best):
        return known
    return [
        *known,
        Fact(5, "L*", numbers.loss(best), "optimum"),
        Fact(3, "× L*", numbers.ratio(numbers.quotient(now, best)), "optimum"),
    ]


def heldout_facts(
    history: HistoryView, derived: Derived, index: int, step: float, p: float
) -> list[Fact]:
    """The last held-out loss at or before a result, if it was measured at p; with its own step if
    that is not `step`."""
    before = derived.heldout[: int(np.searchsorted(derived.heldout, index, side="right"))]
    if not before.size or abs(history.column("p")[before[-1]] - p) > 0:
        return []
    value, error, at = (
        float(history.column(name)[before[-1]])
        for name in ("heldout", "heldout_standard_error", "step")
    )
    text = f"{numbers.loss(value)} ± {numbers.short_exponent(f'{error:.0e}')}"
    return [Fact(2, "held out", text if at == step else f"{text} @{at:,.0f}", "heldout")]


def theory_chart(
    frame: Frame, sweep: LevelCurves, here: float, palette: Palette, behind: tuple[Curve, ...] = ()
) -> Chart:
    """Theory against r or p. `here` is the run's own r or p, where its measured losses are points;
    `behind` are the points of other runs."""
    lines = (
        ("L*", sweep.optimum, palette.optimum, "*"),
        ("L_end", sweep.end, palette.end, "e"),
        ("L_pairs", sweep.pairs, palette.pairs, ":"),
        ("linear", sweep.linear, palette.bound, "="),
        ("elementwise", sweep.elementwise, palette.elementwise, "-"),
        ("oracle", sweep.oracle, palette.faint, "."),
    )
    curves = [
        Curve(name, sweep.x, y, Pen(colour, letter), named=True)
        for name, y, colour, letter in reversed(lines)
        if not np.isnan(y).all()  # what lies below L* is not known for all magnitudes
    ]
    if frame.rug is not None:
        curves.append(_point("rug", here, frame.rug.loss, Pen(palette.gaussian, "R")))
    curves.append(_point("run", here, frame.trained.loss, Pen(palette.smooth, "@")))
    return Chart(tuple(curves), behind=behind, home=here)


def theory_facts(
    frame: Frame, sweep: LevelCurves, name: str, index: int, here: float
) -> list[Fact]:
    """Theory at one r or p, and at the run's own its loss."""
    x = float(sweep.x[index])
    known = [
        Fact(0, name, f"{x:.4g}"),
        Fact(1, "L*", numbers.loss(float(sweep.optimum[index])), "optimum"),
        Fact(2, "L_end", numbers.loss(float(sweep.end[index])), "end"),
        Fact(6, "L_pairs", numbers.loss(float(sweep.pairs[index])), "pairs"),
        Fact(3, "linear", numbers.loss(float(sweep.linear[index])), "bound"),
        Fact(4, "elementwise", numbers.loss(float(sweep.elementwise[index])), "elementwise"),
        Fact(5, "oracle", numbers.loss(float(sweep.oracle[index])), "faint"),
    ]
    known = [fact for fact in known if fact.value != numbers.loss(math.nan)]
    if x == here and math.isfinite(frame.trained.loss):
        known.insert(1, Fact(2, "run", numbers.loss(frame.trained.loss), "smooth"))
    return known


def _point(name: str, x: float, y: float, pen: Pen) -> Curve:
    return Curve(name, np.array([x]), np.array([y]), pen, kind="dot")


class OthersSmoothed:
    """The smoothed losses of other runs, computed once per run and strength."""

    def __init__(self) -> None:
        self._known: dict[OtherRun, tuple[int, Float[np.ndarray, " results"]]] = {}

    def keep(self, runs: Sequence[OtherRun], span: int) -> None:
        """Smooth the losses of these runs with strength `span`, and forget all others."""
        old = self._known
        self._known = {
            run: old[run]
            if run in old and old[run][0] == span
            else (span, smoothed(run.history, span, Smoother()))
            for run in runs
        }

    def of(self, run: OtherRun) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Steps and smoothed losses, NaN in a gap. Raises KeyError for a run that is not kept."""
        return run.history.column("step"), self._known[run][1]

    def at(self, run: OtherRun, step: float) -> float:
        """The smoothed loss at a step, NaN before the first and after the last."""
        steps, losses = self.of(run)
        if not steps.size or not steps[0] <= step <= steps[-1]:
            return math.nan
        return float(np.interp(step, steps, losses))


def history_curves(
    frame: Frame, view: RunsView, losses: OthersSmoothed, palette: Palette
) -> Iterator[Curve]:
    """The smoothed losses of the other runs that are shown; the reference is drawn last."""
    for run in view.shown(frame):
        steps, smooth = losses.of(run)
        if steps.size:
            pen = Pen(view.colour(run, palette), run.letter.lower())
            name = view.legend(run, frame.settings)
            yield Curve(name, steps, smooth, pen, named=True, tag=run.letter)


def points(frame: Frame, view: RunsView, against: str, palette: Palette) -> Iterator[Curve]:
    """The losses of other runs as points on the curves of theory: against r those with this p,
    against p those with this r."""
    for run in _on_curves(frame, view, against):
        x = run.settings.ratio if against == "r" else run.settings.p_on
        pen = Pen(view.colour(run, palette), run.letter)
        name = view.legend(run, frame.settings)
        yield Curve(name, np.array([x]), np.array([run.loss]), pen, "dot", tag=run.letter)


def _on_curves(frame: Frame, view: RunsView, against: str) -> list[OtherRun]:
    def held(settings: Settings) -> float:
        return settings.p_on if against == "r" else settings.ratio

    return [run for run in view.shown(frame) if held(run.settings) == held(frame.settings)]


def history_readings(
    frame: Frame,
    view: RunsView,
    losses: OthersSmoothed,
    step: float,
    live: float,
    palette: Palette,
) -> Iterator[Fact]:
    """The losses of other runs at a step, and the live loss over that of the reference."""
    for run in reversed(view.shown(frame)):
        loss = losses.at(run, step)
        if not np.isfinite(loss):
            continue
        chosen = run.key == view.reference
        colour = view.colour(run, palette)
        yield Fact(2 if chosen else 6, view.legend(run, frame.settings), numbers.loss(loss), colour)
        if chosen:
            yield Fact(3, f"× {run.letter}", numbers.ratio(numbers.quotient(live, loss)), "text")


def point_readings(chart: Chart, index: int) -> Iterator[Fact]:
    """The other runs whose points are nearest to the crosshair."""
    for curve in chart.behind:
        if nearest(chart.x, float(curve.x[0])) == index:
            yield Fact(3, curve.name, numbers.loss(float(curve.y[0])), curve.pen.colour)
