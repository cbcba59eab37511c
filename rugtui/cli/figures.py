"""`rugtui figures`: the paper's figures, printed to files or drawn in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    PathOption,
    complete_runs,
    declared_option,
    given_preferences,
    refuse_idle,
)
from rugtui.cli.output import colours_of, echo_path, json_option, write_json_line
from rugtui.errors import RunError, UsageError
from rugtui.runtime.characters import printable
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.ranges import numbers

if TYPE_CHECKING:
    from rugtui.models.base import Weights
    from rugtui.reports.figure import Figure
    from rugtui.sweeps.table import Row

MADE = {
    "trained": "trained by SGD",
    "population": "descended on the Gaussian loss",
    "rug": "built by hand",
}
"""How weights of a kind were made, for captions."""
Maker = Callable[[], "Figure"]
PICTURES = (".png", ".svg")
WIDEST = 120
"""Columns of a plot at most: more would show nothing more."""


def plots_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The preferences that affect plots in the terminal."""
    for name in ("ascii", "theme"):
        command = declared_option(fields_of(Preferences)[name])(command)
    return command


def print_figure(figure: Figure, given: dict[str, Any]) -> None:
    """Print a figure on standard output, in the terminal's colours."""
    from rich.console import Console

    from rugtui.reports.terminal_figures import drawn
    from rugtui.tui.charts.palette import picture_colours

    config = read_config().complain()
    preferences, console = given_preferences(given, config.preferences), Console()
    lines = drawn(
        figure,
        picture_colours(preferences.theme == "dark"),
        min(console.width, WIDEST),
        ascii_only=preferences.ascii,
        plain=colours_of(console) == "none",
    )
    for line in lines:
        console.print(line, highlight=False)


def write_figure(figure: Figure, *paths: Path) -> None:
    """Write a figure to files, in the dashboard's colours of W. Raises OSError."""
    from rugtui.reports.matplotlib_figures import write
    from rugtui.tui.charts.palette import picture_colours

    write(figure, picture_colours(dark=False), *paths)


def require_picture_name(path: Path) -> None:
    """Raises UsageError for other suffixes, or without matplotlib."""
    if path.suffix not in PICTURES:
        raise UsageError(f"A figure is written as .png or .svg, but {path} is not named so.")
    from rugtui.reports.figure import require_matplotlib

    require_matplotlib()


@click.command(name="figures")
@click.argument("folder", required=False, metavar="DIR", type=PathOption())
@click.option(
    "--sweep",
    type=PathOption("folder"),
    help="Folder of the sweep to draw.  [DIR, where it holds one]",
)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Run, snapshot or weights file (then with --p) whose W is drawn beside the rug's.  "
    "[weights of the sweep, where it kept some]",
)
@click.option("--ratio", "ratios", metavar="R", help="r of the sweep that get a panel.  [a few]")
@click.option("--p", "densities", metavar="P", help="p of the sweep that get a panel.  [a few]")
@click.option(
    "--paper",
    is_flag=True,
    help="Draw the paper's own set instead: maps of its quantities, the corner of W.",
)
@click.option("--terminal", is_flag=True, help="Draw in the terminal instead of into files.")
@plots_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path | None,
    sweep: Path | None,
    run: str | None,
    ratios: str | None,
    densities: str | None,
    paper: bool,
    terminal: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw the paper's figures into DIR, each as PNG and SVG, and print the names of the files.

    \b
    loss-against-r, loss-against-p   of a sweep, trained weights and rugs on the lines of theory
    maps                             of a sweep, losses and every statistic of symmetry over (r, p)
    weights                          W and biases, trained and rug, of --run or of a sweep
    rug-convergence                  the rug's exact loss against size; needs no sweep
    fractal                          what a rug is woven of; needs no sweep

    With --paper, DIR may also be a run, a snapshot or a weights file, beside which its corner goes:

    \b
    paper-delta-…, -lambda-max, -p-ks, -loss   over (r, p), a map for each n_sparse, one scale for
                                               all, linear and logarithmic
    paper-loss-against-r, -p                   all n_sparse in one plot
    paper-corner                               30 × 30 of W, histograms of its entries, its rank

    Files need matplotlib (pip install 'rugtui[figures]'); --terminal does not.
    """  # fmt: skip
    if folder is None and not terminal:
        raise UsageError("figures must have a folder to go to: name one, or add --terminal.")
    if terminal:
        refuse_idle(ctx, "as_json", because="with --terminal: there are no files to name")
    else:
        refuse_idle(ctx, "ascii", "theme", because="on files, without --terminal")
    fixed_r = numbers("ratio", ratios) if ratios else []
    fixed_p = numbers("p", densities) if densities else []
    if not terminal:
        from rugtui.reports.figure import require_matplotlib

        require_matplotlib()
    if paper and run is None and folder is not None and _has_weights(folder):
        run, folder = str(folder), folder if folder.is_dir() else folder.parent
    elif folder is not None and folder.is_file():
        raise UsageError(f"{str(folder)!r} is a file, but figures go to a folder: name one.")
    source = _sweep_folder(folder, sweep)
    if source is None:
        refuse_idle(ctx, "ratios", because="without a sweep")
        if run is None or paper:
            refuse_idle(ctx, "densities", because="without a sweep or --run FILE")
    makers = list((_paper_makers if paper else _makers)(source, run, fixed_r, fixed_p))
    files: list[str] = []
    for make in makers:
        figure = make()
        if terminal:
            print_figure(figure, given)
            click.echo()
            continue
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{figure.name}{suffix}" for suffix in PICTURES]
        write_figure(figure, *paths)
        files += map(str, paths)
        if not as_json:
            for path in paths:
                echo_path(path)
    if as_json and not terminal:
        write_json_line({"figures": files, "sweep": str(source) if source else None})


def _sweep_folder(folder: Path | None, sweep: Path | None) -> Path | None:
    """The sweep to draw, if any. Raises RunError."""
    from rugtui.sweeps.folder import is_sweep

    if sweep is not None and not is_sweep(sweep):
        raise RunError(f"{str(sweep)!r} holds no sweep; `rugtui sweep --out {sweep}` makes one.")
    return sweep or (folder if folder is not None and is_sweep(folder) else None)


def _makers(
    source: Path | None, run: str | None, fixed_r: list[float], fixed_p: list[float]
) -> Iterator[Maker]:
    """Makers of the figures that can be drawn; reports the others, and what they need."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.reports.rug_figures import convergence_figure, fractal_figure, weights_figure
    from rugtui.reports.sweep_figures import sweep_figures

    rows: list[Row] = []
    if source is None:
        _left_out("loss-against-r, loss-against-p and maps need a sweep: --sweep FOLDER")
    else:
        rows = _rows(source)
        of_file = run is not None and split_selectors(run)[0].is_file()  # whose p it is then
        panels = [] if of_file else fixed_p
        for figure in sweep_figures(rows, fixed_r=fixed_r, fixed_p=panels):
            yield lambda figure=figure: figure
    known = _weights(source, rows, run, fixed_p)
    if known is None:
        _left_out("weights needs some: --run RUN, or a sweep that kept its own (--save-weights)")
    else:
        yield lambda: weights_figure(*known)
    yield convergence_figure
    yield fractal_figure


def _paper_makers(
    source: Path | None, run: str | None, fixed_r: list[float], fixed_p: list[float]
) -> Iterator[Maker]:
    """The same of the paper's own set. Raises UsageError where there is nothing to draw."""
    from rugtui.models.weight_files.weight_file import read_weights
    from rugtui.reports.paper_figures import corner_figure, paper_figures, unmeasured
    from rugtui.storage.load import load

    rows = [] if source is None else _rows(source)
    if unmeasured(rows):
        _left_out(
            f"maps of Δ, Λ and p_KS: an older rugtui, which did not measure them, computed "
            f"{str(source)!r}; compute it again in a new folder"
        )
    for figure in paper_figures(rows, fixed_r=fixed_r, fixed_p=fixed_p):
        yield lambda figure=figure: figure
    if run is not None:
        saved = load(run)
        prefix = f"{saved.path.stem}-" if saved.kind == "file" else ""
        yield lambda: corner_figure(saved.weights, f"of {saved.path.name}", f"{prefix}paper-corner")
    elif source is not None and (row := _kept(rows)):
        weights = read_weights(source / str(row.weights))
        yield lambda: corner_figure(weights, _about(row))
    elif source is None:
        raise UsageError(
            "--paper draws a sweep's maps, or W of a run or a weights file: name its folder or "
            "file, or add --sweep FOLDER or --run RUN."
        )
    else:
        _left_out("paper-corner needs weights: --run RUN, or a sweep with --save-weights")


def _has_weights(path: Path) -> bool:
    """Whether this is a run, a snapshot or a file of weights."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.storage.run_directory import kind_of

    return split_selectors(path)[0].is_file() or kind_of(path) in ("run", "snapshot")


def _rows(source: Path) -> list[Row]:
    """The rows of a sweep; reports damaged lines. Raises OSError."""
    from rugtui.sweeps.folder import find

    found = find(source)
    for note in found.notes:
        click.echo(f"rugtui: {note}", err=True)
    if not found.rows:
        _left_out(f"{str(source)!r} has no cell that is done yet")
    return list(found.rows)


def _kept(rows: list[Row]) -> Row | None:
    """The cell nearest to r = 0.25, p = 0.05 of which trained weights were kept."""
    kept = [row for row in rows if row.kind == "trained" and row.weights]
    return min(
        kept,
        key=lambda row: (abs(row.ratio - 0.25), abs(row.p - 0.05), -row.n_sparse),
        default=None,
    )


def _about(row: Row) -> str:
    return f"n_sparse {row.n_sparse:,}, n_dense {row.n_dense:,}, p = {row.p:.3g}, {MADE['trained']}"


def _weights(
    source: Path | None, rows: list[Row], run: str | None, fixed_p: list[float]
) -> tuple[Weights, float, str, str] | None:
    """The weights to draw, their p, where they are from, and their kind. Raises
    RunError, DamagedError."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.models.weight_files.weight_file import read_weight_file, read_weights

    if run is not None and (file := split_selectors(run)[0]).is_file():
        weight_file = read_weight_file(run)
        click.echo(f"rugtui: {printable(weight_file.report)}", err=True)
        p = fixed_p[0] if len(fixed_p) == 1 else weight_file.said.p
        if p is None:
            raise UsageError(f"{run} does not say its p: give it with --p.")
        return weight_file.weights, p, f"of {file.name} at p = {p:g}", "trained"
    if run is not None:
        from rugtui.storage.load import load
        from rugtui.storage.run_directory import find_run, is_snapshot

        saved = load(run if is_snapshot(Path(run)) else find_run(run))
        settings = saved.settings
        trained = "population" if settings.method == "population" else "trained"
        kind = "rug" if saved.kind == "rug" else trained
        about = (
            f"n_sparse {settings.n_sparse:,}, n_dense {settings.n_dense:,}, p = {settings.p_on:g}, "
            f"{MADE[kind]}"
        )
        return saved.weights, settings.p_on, f"{about}, step {saved.step:,}", kind
    row = _kept(rows)
    if source is None or row is None:
        return None
    return read_weights(source / str(row.weights)), row.p, _about(row), "trained"


def _left_out(reason: str) -> None:
    click.echo(f"rugtui: left out: {reason}.", err=True)
