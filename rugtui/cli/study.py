"""`rugtui study`: experiments of several runs."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.figures import plots_options, print_figure, require_picture_name, write_figure
from rugtui.cli.options import (
    PathOption,
    declared_option,
    given_settings,
    refuse_idle,
)
from rugtui.cli.output import ProgressPrinter, json_option, readable, write_json_line
from rugtui.cli.train import Signals, leave
from rugtui.errors import SettingError, UsageError
from rugtui.settings.ranges import numbers
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.reports.plateau import Measurement
    from rugtui.reports.structures_study import Ending
    from rugtui.storage.checkpoint import Phase

SIZES, RATIO, P, STEPS = "64,128,256", 0.25, 0.2, 6000
COLUMNS = ("n_sparse", "step", "loss", "loss_over_theory", "skew", "interferers")
RATIOS = "0.1,0.25,0.33,0.4,0.5,0.6,0.75,0.9,0.95"
PHASE_RATIOS, PHASE_P = "0.02:0.98:49", "1e-3:1:25:log"
ENDING_COLUMNS = (
    "ratio", "loss_over_theory", "pairs_share", "singles_share", "abandoned_share", "lopsidedness",
)  # fmt: skip
SHOWN = 8
"""Measurements of a run in the table for people."""


@click.group(name="study")
def command() -> None:
    """Experiments that need several runs: what training does beyond theory."""


@command.command(name="plateau")
@click.option("--n-sparse", "sizes", metavar="N,N…", default=SIZES, help=f"Sizes.  [{SIZES}]")
@click.option("--ratio", type=float, default=RATIO, help=f"r = n_dense / n_sparse.  [{RATIO}]")
@click.option("--p", type=float, default=P, help=f"Probability that a feature is on.  [{P}]")
@click.option("--steps", type=int, default=STEPS, help=f"Steps of each run.  [{STEPS:,}]")
@declared_option(declared("batch"))
@declared_option(declared("lr"))
@declared_option(declared("seed"))
@declared_option(declared("device"))
@click.option(
    "--out",
    type=PathOption("folder"),
    help="Folder of the runs.  [that of the user's studies]",
)
@click.option(
    "--figure",
    type=PathOption("output"),
    help="Write the plot to this .png or .svg file, too (needs rugtui[figures]).",
)
@plots_options
@click.option("--csv", "as_csv", is_flag=True, help="Print all values, separated by commas.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@click.pass_context
def plateau(
    ctx: click.Context,
    sizes: str,
    out: Path | None,
    figure: Path | None,
    as_csv: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """The symmetric plateau, and training's descent below it.

    Trains a model of each size by SGD and measures it now and then: its exact loss over L*, the
    skew of W off the diagonal, its effective interferers.

    What to expect: the loss falls towards L* while W looks like chance (skew near 0, interferers
    near n_sparse/3, as of Gaussian entries). There it slows down: the symmetric plateau. Then a
    few strongly negative entries a row take over: skew and interferers fall, and the loss goes on
    below L*. The larger n_sparse, the longer it takes: at the defaults the loss is within 2 % of
    L* from about step 450 to 770 at n_sparse 64, 510 to 1,100 at 128, and 540 to 1,750 at 256.
    Where n_sparse · p is small (--p 0.02) there is no plateau: symmetry breaks above L* already.

    Runs are kept as they go. Cut off (ctrl+c) and started again, a study goes on where it was; with
    more --steps or other sizes it adds to what is there.
    """
    if as_json or as_csv:
        what = "--json" if as_json else "--csv"
        refuse_idle(ctx, "ascii", "theme", because=f"with {what}: nothing is drawn")
    if as_json and as_csv:
        raise UsageError("--json and --csv are two formats: give one of them.")
    wanted = [_settings(n_sparse, given) for n_sparse in _sizes(sizes)]
    if figure is not None:
        require_picture_name(figure)
    from rugtui.storage.run_directory import runs_folder

    found, runs, code = _run(wanted, out or runs_folder().parent / "studies", quiet=quiet)
    if as_json:
        answer = {
            "runs": runs,
            "complete": code in (0, 1),
            "looks": [one.as_dict() for one in found],
        }
        write_json_line(answer)
    elif as_csv:
        _write_csv(found)
    else:
        _show(found, given)
    if figure is not None and found:
        _write_figure(found, figure)
    ctx.exit(code)


@command.command(name="structures")
@click.option("--n-sparse", type=int, default=256, help="Features.  [256]")
@click.option("--ratio", "ratios", default=RATIOS, help=f"Ratios r.  [{RATIOS}]")
@click.option("--p", type=float, default=0.05, help="Probability that a feature is on.  [0.05]")
@click.option("--steps", type=int, default=12_000, help="Steps of each run.  [12,000]")
@declared_option(declared("init"))
@declared_option(declared("batch"))
@declared_option(declared("lr"))
@declared_option(declared("seed"))
@declared_option(declared("device"))
@click.option(
    "--out", type=PathOption("folder"), help="Folder of the runs.  [that of the user's studies]"
)
@click.option(
    "--figure",
    type=PathOption("output"),
    help="Write the plot to this .png or .svg file, too (needs rugtui[figures]).",
)
@plots_options
@click.option("--csv", "as_csv", is_flag=True, help="One line a ratio, as comma-separated values.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
@click.pass_context
def structures(
    ctx: click.Context,
    n_sparse: int,
    ratios: str,
    out: Path | None,
    figure: Path | None,
    as_csv: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """See where training ends below L*, and in which structure.

    Trains a model at each ratio and holds its exact loss, and its shares of features in mutual
    pairs, single and abandoned, against what theory says of pairs, votes and their mixtures.

    What to expect: at r = 1/2 all features are in antipodal pairs, at a fifth of L*; above, pairs
    and single features side by side; at small r votes, and features that are given up. Losses lie
    within some percent of the hull, where L* is off by up to four times; where training is stuck
    (r 0.4 and 0.9 at the defaults), --init best begins below it, and stays there.

    Runs are kept as they go. Cut off (ctrl+c) and started again, a study goes on where it was.
    """
    from rugtui.reports.plateau import opened
    from rugtui.reports.structures_study import finish, structures_figure
    from rugtui.storage.run_directory import runs_folder

    if figure is not None:
        require_picture_name(figure)
    wanted = [_settings(n_sparse, {**given, "ratio": ratio}) for ratio in numbers("ratio", ratios)]
    folder = out or runs_folder().parent / "studies"
    endings: list[Ending] = []
    runs: list[str] = []
    code = 0
    for settings in wanted:
        session = opened(settings, folder)
        phase: Phase = "failed"
        with Signals("stop") as signals:
            signals.attend(session)
            try:
                endings.append(finish(session, lambda: signals.ended))
                phase = "done" if session.trainer.done else "paused"
            finally:
                session.leave(phase)
                for text, _ in session.news():
                    click.echo(f"rugtui: {text}", err=True)
        if session.writer.run is not None:
            runs.append(str(session.writer.run))
        if not quiet:
            last = endings[-1]
            said = f"r {last.ratio:.3f}: {last.loss / last.theory_loss:.3f} L*"
            click.echo(
                f"rugtui: {said}, predicted {last.loss_end / last.theory_loss:.3f}", err=True
            )
        if signals.ended:
            click.echo("rugtui: saved; the same command goes on from here", err=True)
            code = 128 + signals.number
            break
    rows = [one.as_dict() for one in endings]
    if as_json:
        write_json_line({"runs": runs, "complete": code == 0, "endings": rows})
    elif as_csv:
        _write_rows(rows)
    else:
        print_figure(structures_figure(endings), given)
        for one in rows:
            click.echo("".join(f"{readable(one[name]):>18}" for name in ENDING_COLUMNS))
    if figure is not None and endings:
        write_figure(structures_figure(endings), figure)
        click.echo(f"rugtui: {figure} written", err=True)
    ctx.exit(code)


@command.command(name="phases")
@click.option("--ratio", "ratios", default=PHASE_RATIOS, help=f"Ratios r.  [{PHASE_RATIOS}]")
@click.option("--p", "densities", default=PHASE_P, help=f"Values of p.  [{PHASE_P}]")
@click.option(
    "--figure",
    type=PathOption("output"),
    help="Write the plot to this .png or .svg file, too (needs rugtui[figures]).",
)
@plots_options
@click.option("--csv", "as_csv", is_flag=True, help="One line a point, as comma-separated values.")
@json_option
def phases(
    ratios: str,
    densities: str,
    figure: Path | None,
    as_csv: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw the phase diagram: which structures coexist at (r, p), and how far below L*.

    Theory only, at large n_sparse: half a second for each p.
    """
    from rugtui.reports.structures_study import phase_points, phases_figure

    if figure is not None:
        require_picture_name(figure)
    for name, text in (("ratio", ratios), ("p", densities)):
        for value in numbers(name, text):
            if not 0 < value <= 1:
                raise SettingError(name, "a number above 0 and at most 1", value)
    points = phase_points(numbers("ratio", ratios), numbers("p", densities))
    rows = [dataclasses.asdict(one) for one in points]
    if as_json:
        write_json_line({"runs": [], "points": rows})
    elif as_csv:
        _write_rows(rows)
    else:
        print_figure(phases_figure(points), given)
    if figure is not None:
        write_figure(phases_figure(points), figure)
        click.echo(f"rugtui: {figure} written", err=True)


def _sizes(text: str) -> list[int]:
    """Whole numbers, each once, ascending. Raises SettingError."""
    found = numbers("n_sparse", text)
    if bad := [value for value in found if value != round(value)]:
        raise SettingError("n_sparse", "whole numbers", f"{bad[0]:g}")
    return sorted({round(value) for value in found})


def _settings(n_sparse: int, given: dict[str, Any]) -> Settings:
    """One run of the study. Raises SettingError."""
    if given["steps"] < 1:
        raise SettingError("steps", "a whole number of at least 1", given["steps"])
    return given_settings({**given, "n_sparse": n_sparse})


def _run(
    wanted: list[Settings], folder: Path, *, quiet: bool
) -> tuple[list[Measurement], list[str], int]:
    """All measurements, the folders of the runs, and the exit code: 1 where one was not kept."""
    from rugtui.reports.plateau import measurements, opened

    found: list[Measurement] = []
    runs: list[str] = []
    code = 0
    with Narrator(wanted, quiet=quiet) as told:
        for settings in wanted:
            course = opened(settings, folder)
            phase: Phase = "failed"
            with Signals("stop") as signals:
                signals.attend(course)
                try:
                    for one in measurements(course, lambda: signals.ended):
                        found.append(one)
                        told.measured(one)
                    phase = "done" if course.trainer.done else "paused"
                finally:
                    kept = leave(course, phase, told, by=signals.name)
            if course.writer.run is not None:
                runs.append(str(course.writer.run))
            if not kept:
                code = 1
            if signals.ended:
                if kept:
                    told.say("rugtui: the same command goes on from here")
                return found, runs, code or 128 + signals.number
    return found, runs, code


class Narrator(ProgressPrinter):
    """Progress of all runs: one line per measurement where there is no bar."""

    def __init__(self, wanted: list[Settings], *, quiet: bool) -> None:
        # What a step costs goes with n_sparse · n_dense.
        self._costs = {one.n_sparse: one.n_sparse * one.n_dense for one in wanted}
        self._steps: dict[int, int] = {}
        total = sum(one.steps * self._costs[one.n_sparse] for one in wanted)
        super().__init__(total, every=0, quiet=quiet)

    def measured(self, one: Measurement) -> None:
        self._steps[one.n_sparse] = one.step
        done = sum(steps * self._costs[size] for size, steps in self._steps.items())
        said = f"{one.over_theory:.3f} L*  skew {one.skew:+.2f}  interferers {one.interferers:.1f}"
        self.at(done, f"n_sparse {one.n_sparse:,}  step {one.step:,}", said)


def _write_csv(found: Sequence[Measurement]) -> None:
    _write_rows([one.as_dict() for one in found])


def _write_rows(rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _show(found: Sequence[Measurement], given: dict[str, Any]) -> None:
    """The plot, and a few measurements of each run, evenly spaced, with the last."""
    from rugtui.reports.plateau import plateau_figure

    if not found:
        return
    print_figure(plateau_figure(found), given)
    click.echo()
    click.echo("".join(f"{name.replace('_', ' '):>18}" for name in COLUMNS))
    for n_sparse in sorted({one.n_sparse for one in found}):
        own = [one.as_dict() for one in found if one.n_sparse == n_sparse]
        places = {round(k * (len(own) - 1) / (SHOWN - 1)) for k in range(SHOWN)}
        for row in (own[k] for k in sorted(places)):
            click.echo("".join(f"{readable(row[name]):>18}" for name in COLUMNS))


def _write_figure(found: Sequence[Measurement], path: Path) -> None:
    from rugtui.reports.plateau import plateau_figure

    write_figure(plateau_figure(found), path)
    click.echo(f"rugtui: {path} written", err=True)
