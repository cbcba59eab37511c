"""`rugtui study`: experiments of several runs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.figures import PICTURES, PLOTS, print_figure, write_figure
from rugtui.cli.options import (
    GivenValue,
    PathOption,
    declared_options,
    given_settings,
    refuse_unused,
    whole_number_option,
)
from rugtui.cli.output import (
    ProgressPrinter,
    csv_option,
    json_option,
    note,
    print_csv,
    print_json,
    print_rows,
)
from rugtui.cli.signals import Signals
from rugtui.cli.train import close
from rugtui.errors import SettingError, UsageError
from rugtui.settings.fields import numbers
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.reports.figure import Figure
    from rugtui.storage.checkpoint import Phase

PLATEAU_COLUMNS = ("n_sparse", "step", "loss", "loss_over_theory", "skew", "interferers")
ENDING_COLUMNS = (
    "ratio", "loss_over_theory", "pairs_share", "singles_share", "abandoned_share", "lopsidedness",
)  # fmt: skip
SHOWN = 8
"""Measurements of a run in the table for people."""
Measure = Callable[["RunSession", Callable[[], bool]], Iterable[Any]]
"""Measurements of a run, each with `step`, `progress` and `as_dict()`; may train it on the way."""


def defaulting(flag: str, default: Any, about: str, name: str = "") -> Callable[..., Any]:
    """An option of the default's type, whose help ends with the default."""
    shown = f"{default:,}" if isinstance(default, int) else default
    names = (flag, name) if name else (flag,)
    return click.option(*names, type=type(default), default=default, help=f"{about}  [{shown}]")


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The settings of a study's runs, and the folder where they are saved."""
    command = declared_options(("batch", "lr", "seed", "device"))(command)
    out = click.option(
        "--out", type=PathOption("folder"), help="Folder of the runs.  [studies, beside your runs]"
    )
    return out(click.option("--quiet", is_flag=True, help="Do not show progress.")(command))


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the values are printed, and the picture file."""
    picture = click.option(
        "--figure",
        type=PathOption("output", *PICTURES),
        help="Also write the plot to this .png or .svg file (needs rugtui[figures]).",
    )
    return picture(declared_options(PLOTS)(csv_option(json_option(command))))


@click.group(name="study")
def command() -> None:
    """Experiments of several runs: what training does beyond theory."""


@command.command(name="plateau")
@defaulting("--n-sparse", "64,128,256", "Sizes.", "sizes")
@defaulting("--ratio", 0.25, "r = n_dense / n_sparse.")
@defaulting("--p", 0.2, "Probability that a feature is on.")
@defaulting("--steps", 6000, "Steps of each run.")
@run_options
@output_options
@click.pass_context
def plateau(ctx: click.Context, sizes: str, **given: Any) -> None:
    """The symmetric plateau, and how training leaves it.

    Trains a model of each size by SGD and measures it now and then: its exact loss over L*, the
    skew of W off the diagonal, and its effective interferers.

    What to expect: the loss falls towards L* while W looks random (skew near 0, interferers near
    n_sparse/3, as for Gaussian entries). Then it slows down: the symmetric plateau. Later a few
    strongly negative entries per row take over: skew and interferers fall, and the loss falls below
    L*. The larger n_sparse, the longer it takes: at the defaults the loss is within 2 % of L* from
    about step 450 to 770 at n_sparse 64, 510 to 1,100 at 128, and 540 to 1,750 at 256. If
    n_sparse · p is small (--p 0.02) there is no plateau: symmetry already breaks above L*.

    Runs are saved as they go. After an interruption (ctrl+c) the same command continues the study;
    more --steps or other sizes extend it.
    """
    from rugtui.reports.plateau import measurements, plateau_figure

    wanted = [_settings(n_sparse, given) for n_sparse in _sizes(sizes)]
    table = partial(_columns, names=PLATEAU_COLUMNS, most=SHOWN)
    _run_study(ctx, given, wanted, "looks", measurements, plateau_figure, table)


@command.command(name="structures")
@defaulting("--n-sparse", 256, "Features.")
@defaulting("--ratio", "0.1,0.25,0.33,0.4,0.5,0.6,0.75,0.9,0.95", "Ratios r.", "ratios")
@defaulting("--p", 0.05, "Probability that a feature is on.")
@defaulting("--steps", 12_000, "Steps of each run.")
@declared_options(["init"])
@run_options
@output_options
@click.pass_context
def structures(ctx: click.Context, n_sparse: int, ratios: str, **given: Any) -> None:
    """Where training ends below L*, and in which structure.

    Trains a model at each ratio and compares its exact loss, and its shares of features in mutual
    pairs, single and abandoned, with the theory of pairs, votes and their mixtures.

    What to expect: at r = 1/2 all features are in antipodal pairs, at a fifth of L*; above, pairs
    and single features side by side; at small r votes, and abandoned features. Losses are within
    a few percent of the hull, while L* is off by up to a factor of four; where training gets stuck
    (r 0.4 and 0.9 at the defaults), --init best starts below it and stays there.

    Runs are saved as they go. After an interruption (ctrl+c) the same command continues the study.
    """
    from rugtui.reports.structures_study import measure_ending, structures_figure

    wanted = [_settings(n_sparse, {**given, "ratio": ratio}) for ratio in numbers("ratio", ratios)]
    measure = _at_the_end(measure_ending)
    table = partial(_columns, names=ENDING_COLUMNS)
    _run_study(ctx, given, wanted, "endings", measure, structures_figure, table)


@command.command(name="architectures")
@defaulting("--activation", "relu,jumprelu,gated,topk", "Activations to train.", "activations")
@defaulting("--n-sparse", 128, "Features.")
@defaulting("--ratio", "0.25,0.5", "Ratios r.", "ratios")
@defaulting("--p", "0.02,0.1", "Values of p.", "p_values")
@defaulting("--steps", 4000, "Steps of each run.")
@whole_number_option("--repeats", 1, default=1, help="Seeds of each, from --seed on.  [1]")
@run_options
@output_options
@click.pass_context
def architectures(
    ctx: click.Context,
    activations: str,
    n_sparse: int,
    ratios: str,
    p_values: str,
    repeats: int,
    **given: Any,
) -> None:
    """Train other activations and compare them with their bounds.

    Each activation is trained by SGD at each (r, p); the losses are on the same fresh samples. The
    table gives the loss over L*, over L_end (where training with a ReLU ends), and over its bound:
    elementwise for activations that see one pre-activation at a time, oracle for topk, which
    compares them. The bounds hold for symmetric weights; training breaks the symmetry and may go
    below them.

    Three minutes at the defaults. Runs are saved as they go. After an interruption (ctrl+c) the
    same command continues the study.
    """
    from rugtui.reports.architectures_study import architectures_figure, measure_trial, summaries

    names = [declared("activation").parse(name) for name in activations.split(",")]
    ratio_list, p_list = numbers("ratio", ratios), numbers("p", p_values)
    first = _settings(n_sparse, {**given, "ratio": ratio_list[0]}).seed
    seeds = [GivenValue(first + k) for k in range(repeats)]
    wanted = [
        _settings(n_sparse, {**given, "ratio": ratio, "p": p, "activation": name, "seed": seed})
        for ratio, p, name, seed in itertools.product(ratio_list, p_list, names, seeds)
    ]
    measure = _at_the_end(measure_trial)
    _run_study(ctx, given, wanted, "trials", measure, architectures_figure, summaries)


@command.command(name="phases")
@defaulting("--ratio", "0.02:0.98:49", "Ratios r.", "ratios")
@defaulting("--p", "1e-3:1:25:log", "Values of p.", "p_values")
@output_options
@click.pass_context
def phases(ctx: click.Context, ratios: str, p_values: str, **given: Any) -> None:
    """The phase diagram of structures, in theory.

    Shows which structures coexist at (r, p), and how far below L* they are, at large n_sparse.
    Nothing is trained: half a second for each p.
    """
    from rugtui.reports.structures_study import phase_points, phases_figure

    _check_output(ctx, given)
    for name, text in (("ratio", ratios), ("p", p_values)):
        for value in numbers(name, text):
            if not 0 < value <= 1:
                raise SettingError(name, "a number above 0 and at most 1", value)
    points = phase_points(numbers("ratio", ratios), numbers("p", p_values))
    rows = [dataclasses.asdict(one) for one in points]
    _write(given, {"runs": [], "points": rows}, rows, lambda: phases_figure(points), tuple)


def _sizes(text: str) -> list[int]:
    """Whole numbers without duplicates, ascending. Raises SettingError."""
    values = numbers("n_sparse", text)
    if bad := [value for value in values if value != round(value)]:
        raise SettingError("n_sparse", "whole numbers", f"{bad[0]:g}")
    return sorted({round(value) for value in values})


def _settings(n_sparse: int, given: dict[str, Any]) -> Settings:
    """One run of the study. Raises SettingError."""
    if given["steps"] < 1:
        raise SettingError("steps", "a whole number of at least 1", given["steps"])
    return given_settings({**given, "n_sparse": n_sparse})


def _at_the_end(measure: Callable[[RunSession], Any]) -> Measure:
    """Measures a run once, where training ends or was cancelled."""

    def trained(session: RunSession, cancelled: Callable[[], bool]) -> Iterable[Any]:
        while not session.trainer.done and not cancelled():
            session.advance(cancelled)
        yield measure(session)

    return trained


def _run_study(
    ctx: click.Context,
    given: dict[str, Any],
    wanted: Sequence[Settings],
    key: str,
    measure: Measure,
    figure: Callable[[Any], Figure],
    table: Callable[[Any], Sequence[dict[str, Any]]],
) -> None:
    """Train and measure the runs, continuing those in the folder, print the measurements and exit:
    with 1 if a run could not be saved. `key` is the measurements' name in JSON."""
    _check_output(ctx, given)
    from rugtui.live.opening import continued_or_new
    from rugtui.storage.run_directory import runs_folder

    folder = given["out"] or runs_folder().parent / "studies"
    runs, measured, code, stopped = [], [], 0, 0
    with StudyProgress(wanted, quiet=given["quiet"]) as progress:
        for settings in wanted:
            session = continued_or_new(settings, folder)
            phase: Phase = "failed"
            progress.begin(settings)
            with Signals("stop") as signals:
                signals.save_first(session.detach)
                try:
                    for one in measure(session, lambda: signals.ended):
                        measured.append(one)
                        progress.measured(one)
                    phase = "done" if session.trainer.done else "paused"
                finally:
                    saved = close(session, phase, progress, by=signals.name)
            if session.writer.run is not None:
                runs.append(str(session.writer.run))
            code = code if saved else 1
            if stopped := signals.exit_code:
                if saved:
                    progress.say("rugtui: the same command continues from here")
                break
    rows = [one.as_dict() for one in measured]
    answer = {"runs": runs, "complete": not stopped, key: rows}
    _write(given, answer, rows, lambda: figure(measured), lambda: table(measured))
    ctx.exit(code or stopped)


def _check_output(ctx: click.Context, given: dict[str, Any]) -> None:
    """Raises UsageError for output options that cannot be, before anything is computed."""
    if given["as_json"] and given["as_csv"]:
        raise UsageError("--json and --csv are two formats: give one of them.")
    if given["as_json"] or given["as_csv"]:
        option = "--json" if given["as_json"] else "--csv"
        refuse_unused(ctx, "ascii", "theme", because=f"with {option}: nothing is drawn")
    if given["figure"] is not None:
        from rugtui.reports.figure import require_matplotlib

        require_matplotlib()


def _write(
    given: dict[str, Any],
    answer: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    figure: Callable[[], Figure],
    table: Callable[[], Sequence[dict[str, Any]]],
) -> None:
    """`answer` as JSON, `rows` as CSV, or the figure and a table; and the picture."""
    if given["as_json"]:
        print_json(answer)
    elif rows and given["as_csv"]:
        print_csv(rows)
    elif rows:
        print_figure(figure(), given)
        if lines := table():
            click.echo()
            print_rows(lines)
    if rows and (picture := given["figure"]) is not None:
        write_figure(figure(), picture)
        note(f"{picture} written")


def _columns(
    measured: Sequence[Any], names: Sequence[str], most: int | None = None
) -> list[dict[str, Any]]:
    """Some columns of the measurements: all of them, or `most` of each n_sparse, evenly spaced and
    including the last."""
    rows = [one.as_dict() for one in measured]
    if most is not None:
        groups = [list(own) for _, own in itertools.groupby(rows, lambda row: row["n_sparse"])]
        rows = [
            own[place]
            for own in groups
            for place in sorted({round(k * (len(own) - 1) / (most - 1)) for k in range(most)})
        ]
    return [{name: row[name] for name in names} for row in rows]


class StudyProgress(ProgressPrinter):
    """Progress of all runs: one line per measurement if there is no bar."""

    def __init__(self, wanted: Sequence[Settings], *, quiet: bool) -> None:
        super().__init__(sum(map(_cost, wanted)), every=0, quiet=quiet)
        self._before = self._after = self._per_step = 0.0

    def begin(self, settings: Settings) -> None:
        self._before, self._per_step = self._after, _cost(settings) / settings.steps
        self._after += _cost(settings)

    def measured(self, one: Any) -> None:
        self.update(self._before + one.step * self._per_step, *one.progress)


def _cost(settings: Settings) -> float:
    """Of a run: that of a step is proportional to n_sparse · n_dense."""
    return settings.steps * settings.n_sparse * settings.n_dense
