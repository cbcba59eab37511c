"""`rugtui study`: experiments of several runs."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.figures import plots_options, print_figure, require_picture_name, write_figure
from rugtui.cli.options import PathOption, Written, declared_option, given_settings, refuse_idle
from rugtui.cli.output import ProgressPrinter, json_option, readable, write_json_line
from rugtui.cli.signals import Signals
from rugtui.cli.train import close
from rugtui.errors import SettingError, UsageError
from rugtui.settings.ranges import numbers
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.reports.architectures_study import Trial
    from rugtui.reports.figure import Figure
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
ACTIVATIONS = "relu,jumprelu,gated,topk"
SHOWN = 8
"""Measurements of a run in the table for people."""


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The settings of a study's runs, and the folder where they are saved."""
    for name in ("device", "seed", "lr", "batch"):
        command = declared_option(declared(name))(command)
    out = click.option(
        "--out", type=PathOption("folder"), help="Folder of the runs.  [that of the user's studies]"
    )
    return out(click.option("--quiet", is_flag=True, help="Do not show progress.")(command))


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the values are printed, and the picture file."""
    picture = click.option(
        "--figure",
        type=PathOption("output"),
        help="Write the plot to this .png or .svg file, too (needs rugtui[figures]).",
    )
    as_csv = click.option(
        "--csv", "as_csv", is_flag=True, help="Print all values, separated by commas."
    )
    return picture(plots_options(as_csv(json_option(command))))


@dataclass(frozen=True)
class Output:
    """Prints the values of a study: as a plot with a table, as CSV, or as JSON."""

    picture: Path | None
    as_csv: bool
    as_json: bool
    plot: dict[str, Any]

    @classmethod
    def of(cls, ctx: click.Context, given: dict[str, Any]) -> Output:
        """Takes its options out of `given`. Raises UsageError."""
        as_csv, as_json, picture = (given.pop(name) for name in ("as_csv", "as_json", "figure"))
        if as_json and as_csv:
            raise UsageError("--json and --csv are two formats: give one of them.")
        if as_json or as_csv:
            what = "--json" if as_json else "--csv"
            refuse_idle(ctx, "ascii", "theme", because=f"with {what}: nothing is drawn")
        if picture is not None:
            require_picture_name(picture)
        return cls(picture, as_csv, as_json, {name: given.pop(name) for name in ("ascii", "theme")})

    def write(
        self,
        answer: dict[str, Any],
        rows: Sequence[dict[str, Any]],
        figure: Callable[[], Figure],
        table: Sequence[dict[str, Any]] = (),
    ) -> None:
        """`answer` as JSON, `rows` as CSV, or the figure and a `table`; and the picture."""
        if self.as_json:
            write_json_line(answer)
        elif rows and self.as_csv:
            writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        elif rows:
            print_figure(figure(), self.plot)
            if table:
                click.echo()
                lines = [[name.replace("_", " ") for name in table[0]]]
                lines += [[readable(value) for value in row.values()] for row in table]
                widths = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
                for line in lines:
                    click.echo(
                        "".join(f"{text:>{w}}" for text, w in zip(line, widths, strict=True))
                    )
        if self.picture is not None and rows:
            write_figure(figure(), self.picture)
            click.echo(f"rugtui: {self.picture} written", err=True)


@click.group(name="study")
def command() -> None:
    """Experiments that need several runs: what training does beyond theory."""


@command.command(name="plateau")
@click.option("--n-sparse", "sizes", metavar="N,N…", default=SIZES, help=f"Sizes.  [{SIZES}]")
@click.option("--ratio", type=float, default=RATIO, help=f"r = n_dense / n_sparse.  [{RATIO}]")
@click.option("--p", type=float, default=P, help=f"Probability that a feature is on.  [{P}]")
@click.option("--steps", type=int, default=STEPS, help=f"Steps of each run.  [{STEPS:,}]")
@run_options
@output_options
@click.pass_context
def plateau(ctx: click.Context, sizes: str, out: Path | None, quiet: bool, **given: Any) -> None:
    """The symmetric plateau, and training's descent below it.

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

    output = Output.of(ctx, given)
    wanted = [_settings(n_sparse, given) for n_sparse in _sizes(sizes)]
    found: list[Measurement] = []

    def measure(session: RunSession, cancelled: Callable[[], bool], told: Narrator) -> None:
        for one in measurements(session, cancelled):
            found.append(one)
            said = f"{one.over_theory:.3f} L*  skew {one.skew:+.2f}"
            said += f"  interferers {one.interferers:.1f}"
            told.measured(one.step, f"n_sparse {one.n_sparse:,}  step {one.step:,}", said)

    runs, complete, code = _train(wanted, out, measure, quiet=quiet)
    rows = [one.as_dict() for one in found]
    output.write(
        {"runs": runs, "complete": complete, "looks": rows},
        rows,
        lambda: plateau_figure(found),
        [{name: row[name] for name in COLUMNS} for row in _a_few(rows)],
    )
    ctx.exit(code)


@command.command(name="structures")
@click.option("--n-sparse", type=int, default=256, help="Features.  [256]")
@click.option("--ratio", "ratios", default=RATIOS, help=f"Ratios r.  [{RATIOS}]")
@click.option("--p", type=float, default=0.05, help="Probability that a feature is on.  [0.05]")
@click.option("--steps", type=int, default=12_000, help="Steps of each run.  [12,000]")
@declared_option(declared("init"))
@run_options
@output_options
@click.pass_context
def structures(
    ctx: click.Context, n_sparse: int, ratios: str, out: Path | None, quiet: bool, **given: Any
) -> None:
    """See where training ends below L*, and in which structure.

    Trains a model at each ratio and compares its exact loss, and its shares of features in mutual
    pairs, single and abandoned, with the theory of pairs, votes and their mixtures.

    What to expect: at r = 1/2 all features are in antipodal pairs, at a fifth of L*; above, pairs
    and single features side by side; at small r votes, and abandoned features. Losses are within
    a few percent of the hull, while L* is off by up to a factor of four; where training gets stuck
    (r 0.4 and 0.9 at the defaults), --init best starts below it and stays there.

    Runs are saved as they go. After an interruption (ctrl+c) the same command continues the study.
    """
    from rugtui.reports.structures_study import finish, structures_figure

    output = Output.of(ctx, given)
    wanted = [_settings(n_sparse, {**given, "ratio": ratio}) for ratio in numbers("ratio", ratios)]
    found: list[Ending] = []

    def train(session: RunSession, cancelled: Callable[[], bool], told: Narrator) -> None:
        found.append(one := finish(session, cancelled))
        said = f"{one.loss / one.theory_loss:.3f} L*, "
        said += f"predicted {one.loss_end / one.theory_loss:.3f}"
        told.measured(one.step, f"r {one.ratio:.3f}", said)

    runs, complete, code = _train(wanted, out, train, quiet=quiet)
    rows = [one.as_dict() for one in found]
    output.write(
        {"runs": runs, "complete": complete, "endings": rows},
        rows,
        lambda: structures_figure(found),
        [{name: row[name] for name in ENDING_COLUMNS} for row in rows],
    )
    ctx.exit(code)


@command.command(name="architectures")
@click.option("--activation", "activations", default=ACTIVATIONS, help=f"Which.  [{ACTIVATIONS}]")
@click.option("--n-sparse", type=int, default=128, help="Features.  [128]")
@click.option("--ratio", "ratios", default="0.25,0.5", help="Ratios r.  [0.25,0.5]")
@click.option("--p", "densities", default="0.02,0.1", help="Values of p.  [0.02,0.1]")
@click.option("--steps", type=int, default=4000, help="Steps of each run.  [4,000]")
@click.option(
    "--repeats", type=click.IntRange(1), default=1, help="Runs of each, from --seed on.  [1]"
)
@run_options
@output_options
@click.pass_context
def architectures(
    ctx: click.Context,
    activations: str,
    n_sparse: int,
    ratios: str,
    densities: str,
    repeats: int,
    out: Path | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Train other activations from scratch, and compare them with L* and with their bounds.

    Each activation is trained by SGD at each (r, p); the losses are on the same fresh samples. The
    table gives the loss over L*, over L_end (where training with a ReLU ends), and over its bound:
    elementwise for activations that see one pre-activation at a time, oracle for topk, which
    compares them. The bounds hold for symmetric weights; training breaks the symmetry and may go
    below them.

    Three minutes at the defaults. Runs are saved as they go. After an interruption (ctrl+c) the
    same command continues the study.
    """
    from rugtui.reports.architectures_study import architectures_figure, finish, summaries

    output = Output.of(ctx, given)
    names = [declared("activation").parse(name) for name in activations.split(",")]
    first = _settings(n_sparse, {**given, "ratio": numbers("ratio", ratios)[0]}).seed
    wanted = [
        _settings(n_sparse, {**given, "ratio": ratio, "p": p, "activation": name, "seed": seed})
        for ratio, p, name, seed in itertools.product(
            numbers("ratio", ratios),
            numbers("p", densities),
            names,
            [Written(first + k) for k in range(repeats)],
        )
    ]
    found: list[Trial] = []

    def train(session: RunSession, cancelled: Callable[[], bool], told: Narrator) -> None:
        found.append(one := finish(session, cancelled))
        where = f"r {one.ratio:.3g}, p {one.p:g}, {one.activation}"
        told.measured(one.step, where, f"{one.loss / one.theory_loss:.3f} L*")

    runs, complete, code = _train(wanted, out, train, quiet=quiet)
    rows = [one.as_dict() for one in found]
    output.write(
        {"runs": runs, "complete": complete, "trials": rows},
        rows,
        lambda: architectures_figure(found),
        summaries(found),
    )
    ctx.exit(code)


@command.command(name="phases")
@click.option("--ratio", "ratios", default=PHASE_RATIOS, help=f"Ratios r.  [{PHASE_RATIOS}]")
@click.option("--p", "densities", default=PHASE_P, help=f"Values of p.  [{PHASE_P}]")
@output_options
@click.pass_context
def phases(ctx: click.Context, ratios: str, densities: str, **given: Any) -> None:
    """Draw the phase diagram: which structures coexist at (r, p), and how far below L*.

    Theory only, at large n_sparse: half a second for each p.
    """
    from rugtui.reports.structures_study import phase_points, phases_figure

    output = Output.of(ctx, given)
    for name, text in (("ratio", ratios), ("p", densities)):
        for value in numbers(name, text):
            if not 0 < value <= 1:
                raise SettingError(name, "a number above 0 and at most 1", value)
    points = phase_points(numbers("ratio", ratios), numbers("p", densities))
    rows = [dataclasses.asdict(one) for one in points]
    output.write({"runs": [], "points": rows}, rows, lambda: phases_figure(points))


def _sizes(text: str) -> list[int]:
    """Whole numbers without duplicates, ascending. Raises SettingError."""
    found = numbers("n_sparse", text)
    if bad := [value for value in found if value != round(value)]:
        raise SettingError("n_sparse", "whole numbers", f"{bad[0]:g}")
    return sorted({round(value) for value in found})


def _settings(n_sparse: int, given: dict[str, Any]) -> Settings:
    """One run of the study. Raises SettingError."""
    if given["steps"] < 1:
        raise SettingError("steps", "a whole number of at least 1", given["steps"])
    return given_settings({**given, "n_sparse": n_sparse})


def _train(
    wanted: list[Settings],
    out: Path | None,
    work: Callable[[RunSession, Callable[[], bool], Narrator], None],
    *,
    quiet: bool,
) -> tuple[list[str], bool, int]:
    """Do the work in each run, continuing those in the folder; returns the runs' folders, whether
    it was completed, and the exit code: 1 if a run could not be saved."""
    from rugtui.reports.plateau import opened
    from rugtui.storage.run_directory import runs_folder

    folder = out or runs_folder().parent / "studies"
    runs: list[str] = []
    code = 0
    with Narrator(wanted, quiet=quiet) as told:
        for settings in wanted:
            session = opened(settings, folder)
            phase: Phase = "failed"
            told.begin(settings)
            with Signals("stop") as signals:
                signals.attend(session.detach)
                try:
                    work(session, lambda: signals.ended, told)
                    phase = "done" if session.trainer.done else "paused"
                finally:
                    kept = close(session, phase, told, by=signals.name)
            if session.writer.run is not None:
                runs.append(str(session.writer.run))
            code = code if kept else 1
            if signals.ended:
                if kept:
                    told.say("rugtui: the same command continues from here")
                return runs, False, code or signals.exit_code
    return runs, True, code


class Narrator(ProgressPrinter):
    """Progress of all runs: one line per measurement if there is no bar."""

    def __init__(self, wanted: list[Settings], *, quiet: bool) -> None:
        super().__init__(sum(map(_cost, wanted)), every=0, quiet=quiet)
        self._before = self._after = self._per_step = 0.0

    def begin(self, settings: Settings) -> None:
        self._before, self._per_step = self._after, _cost(settings) / settings.steps
        self._after += _cost(settings)

    def measured(self, step: int, how_far: str, said: str) -> None:
        self.at(self._before + step * self._per_step, how_far, said)


def _cost(settings: Settings) -> float:
    """Of a run: that of a step is proportional to n_sparse · n_dense."""
    return settings.steps * settings.n_sparse * settings.n_dense


def _a_few(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """SHOWN measurements of each run, evenly spaced, including the last."""
    few = []
    for n_sparse in sorted({row["n_sparse"] for row in rows}):
        own = [row for row in rows if row["n_sparse"] == n_sparse]
        places = {round(k * (len(own) - 1) / (SHOWN - 1)) for k in range(SHOWN)}
        few += [own[k] for k in sorted(places)]
    return few
