"""`rugtui figures`: the paper's figures, in files or in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    PathOption,
    complete_runs,
    declared_options,
    given_preferences,
    refuse_unused,
)
from rugtui.cli.output import colours_of, json_option, note, print_json, print_path
from rugtui.errors import RunError, UsageError
from rugtui.settings.fields import numbers

if TYPE_CHECKING:
    from rugtui.models.base import Weights
    from rugtui.reports.figure import Figure
    from rugtui.sweeps.table import Row

MADE = {
    "trained": "trained by SGD",
    "population": "gradient descent on the Gaussian loss",
    "rug": "constructed",
}
"""How weights of a kind were made, for captions."""
PICTURES = (".png", ".svg")
PLOTS = ("theme", "ascii")
"""The preferences that plots in the terminal obey."""
WIDEST = 120
"""Most columns of a plot in the terminal: more would show nothing more."""


def print_figure(figure: Figure, given: dict[str, Any]) -> None:
    """Print a figure on standard output, in the terminal's colours."""
    from rich.console import Console

    from rugtui.reports.terminal_figures import drawn
    from rugtui.tui.charts.palette import picture_colours

    config = read_config().report()
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


@click.command(name="figures")
@click.argument("folder", required=False, metavar="[DIR]", type=PathOption())
@click.option(
    "--sweep",
    type=PathOption("folder"),
    help="Folder of the sweep to draw.  [DIR, if it holds one]",
)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Run, snapshot or file of weights (then with --p) whose W is drawn beside the rug's.  "
    "[weights saved by the sweep, if any]",
)
@click.option("--ratio", "ratios", metavar="R", help="Values of r with a panel each.  [up to 3]")
@click.option("--p", "p_values", metavar="P", help="Values of p with a panel each.  [up to 3]")
@click.option(
    "--paper",
    is_flag=True,
    help="Draw the figures as the paper has them instead: maps of its quantities, a corner of W.",
)
@click.option("--terminal", is_flag=True, help="Draw in the terminal instead of into files.")
@declared_options(PLOTS)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path | None,
    sweep: Path | None,
    run: str | None,
    ratios: str | None,
    p_values: str | None,
    paper: bool,
    terminal: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw the paper's figures into DIR, each as PNG and SVG, and print the names of the files.

    \b
    loss-against-r, loss-against-p   of a sweep: trained weights and rugs beside theory
    maps                             of a sweep: losses and statistics of symmetry over (r, p)
    weights                          W and biases, trained and rug, of --run or of a sweep
    rug-convergence                  the rug's exact loss against its size; needs no sweep
    fractal                          the pattern of W in a rug; needs no sweep

    With --paper, DIR may also be a run, a snapshot or a file of weights; the figure of its corner
    is written beside it:

    \b
    paper-delta-…, -lambda-max, -p-ks, -loss   over (r, p): a map for each n_sparse, one scale for
                                               all, linear and logarithmic
    paper-loss-against-r, -p                   all n_sparse in one plot
    paper-corner                               30 × 30 entries of W, histograms of all, the rank

    Files need matplotlib (pip install 'rugtui[figures]'); --terminal does not.
    """  # fmt: skip
    if folder is None and not terminal:
        raise UsageError("name a folder for the figures, or add --terminal.")
    if terminal:
        refuse_unused(ctx, "as_json", because="with --terminal: no files are written")
    else:
        refuse_unused(ctx, "ascii", "theme", because="on files, without --terminal")
        from rugtui.reports.figure import require_matplotlib

        require_matplotlib()
    fixed_r = numbers("ratio", ratios) if ratios else []
    fixed_p = numbers("p", p_values) if p_values else []
    if paper and run is None and folder is not None and _has_weights(folder):
        run, folder = str(folder), folder if folder.is_dir() else folder.parent
    elif folder is not None and folder.is_file():
        raise UsageError(f"{str(folder)!r} is a file, but figures go to a folder: name one.")
    source = _sweep_folder(folder, sweep)
    if source is None:
        refuse_unused(ctx, "ratios", because="without a sweep")
        if run is None or paper:
            refuse_unused(ctx, "p_values", because="without a sweep or --run FILE")
    files: list[str] = []
    for figure in (_paper_figures if paper else _figures)(source, run, fixed_r, fixed_p):
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
                print_path(path)
    if as_json:
        print_json({"figures": files, "sweep": str(source) if source else None})


def _sweep_folder(folder: Path | None, sweep: Path | None) -> Path | None:
    """The sweep to draw, if any. Raises RunError."""
    from rugtui.sweeps.folder import is_sweep

    if sweep is not None and not is_sweep(sweep):
        raise RunError(f"{str(sweep)!r} holds no sweep; `rugtui sweep --out {sweep}` makes one.")
    return sweep or (folder if folder is not None and is_sweep(folder) else None)


def _figures(
    source: Path | None, run: str | None, fixed_r: list[float], fixed_p: list[float]
) -> Iterator[Figure]:
    """The figures that can be drawn; reports the others, and what they need. Inputs are read, and
    errors in them raised, before the first figure."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.reports.rug_figures import convergence_figure, fractal_figure, weights_figure
    from rugtui.reports.sweep_figures import sweep_figures

    rows: list[Row] = []
    of_sweep: list[Figure] = []
    if source is None:
        _not_drawn("loss-against-r, loss-against-p and maps need a sweep: --sweep FOLDER")
    else:
        rows = _rows(source)
        is_file = run is not None and split_selectors(run)[0].is_file()  # --p is for the file then
        of_sweep = sweep_figures(rows, fixed_r=fixed_r, fixed_p=[] if is_file else fixed_p)
    weights = _weights(source, rows, run, fixed_p)
    if weights is None:
        _not_drawn("weights needs some: --run RUN, or a sweep with --save-weights")
    yield from of_sweep
    if weights is not None:
        yield weights_figure(*weights)
    yield convergence_figure()
    yield fractal_figure()


def _paper_figures(
    source: Path | None, run: str | None, fixed_r: list[float], fixed_p: list[float]
) -> Iterator[Figure]:
    """The figures as the paper has them, after all errors. Raises UsageError if there are none."""
    from rugtui.models.weight_files.weight_file import read_weights
    from rugtui.reports.paper_figures import corner_figure, paper_figures, unmeasured
    from rugtui.storage.load import load

    if source is None and run is None:
        raise UsageError(
            "--paper draws a sweep's maps, or W of a run or a file of weights: name its folder or "
            "file, or add --sweep FOLDER or --run RUN."
        )
    rows = [] if source is None else _rows(source)
    if unmeasured(rows):
        _not_drawn(
            f"maps of Δ, Λ and p_KS: an older rugtui, which did not measure them, computed "
            f"{str(source)!r}; compute it again in a new folder"
        )
    corner = None  # read before anything is drawn: it may be damaged
    if run is not None:
        saved = load(run)
        prefix = f"{saved.path.stem}-" if saved.kind == "file" else ""
        corner = corner_figure(saved.weights, f"of {saved.path.name}", f"{prefix}paper-corner")
    elif source is not None and (row := _row_with_weights(rows)):
        corner = corner_figure(read_weights(source / str(row.weights)), _about(row))
    yield from list(paper_figures(rows, fixed_r=fixed_r, fixed_p=fixed_p))
    if corner is not None:
        yield corner
    else:
        _not_drawn("paper-corner needs weights: --run RUN, or a sweep with --save-weights")


def _has_weights(path: Path) -> bool:
    """Whether this is a run, a snapshot or a file of weights."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.storage.run_directory import kind_of

    return split_selectors(path)[0].is_file() or kind_of(path) in ("run", "snapshot")


def _rows(source: Path) -> list[Row]:
    """The rows of a sweep; reports damaged lines. Raises OSError."""
    from rugtui.sweeps.folder import read_rows

    found = read_rows(source)
    for text in found.notes:
        note(text)
    if not found.rows:
        _not_drawn(f"no cell of {str(source)!r} is done yet")
    return list(found.rows)


def _row_with_weights(rows: list[Row]) -> Row | None:
    """The cell nearest to r = 0.25, p = 0.05 of which trained weights were saved."""
    return min(
        (row for row in rows if row.kind == "trained" and row.weights),
        key=lambda row: (abs(row.ratio - 0.25), abs(row.p - 0.05), -row.n_sparse),
        default=None,
    )


def _about(row: Row) -> str:
    return f"n_sparse {row.n_sparse:,}, n_dense {row.n_dense:,}, p = {row.p:.3g}, {MADE['trained']}"


def _weights(
    source: Path | None, rows: list[Row], run: str | None, fixed_p: list[float]
) -> tuple[Weights, float, str, str] | None:
    """The weights to draw, their p, where they are from, and their kind. Raises RunError,
    DamagedError."""
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.models.weight_files.weight_file import read_weight_file, read_weights

    if run is None:
        if source is None or (row := _row_with_weights(rows)) is None:
            return None
        return read_weights(source / str(row.weights)), row.p, _about(row), "trained"
    if (file := split_selectors(run)[0]).is_file():
        weight_file = read_weight_file(run)
        note(weight_file.report)
        p = fixed_p[0] if len(fixed_p) == 1 else weight_file.said.p
        if p is None:
            raise UsageError(f"{run} does not say its p: give it with --p.")
        return weight_file.weights, p, f"of {file.name} at p = {p:g}", "trained"
    from rugtui.storage.load import load
    from rugtui.storage.run_directory import find_run, is_snapshot

    saved = load(run if is_snapshot(Path(run)) else find_run(run))
    settings, kind = saved.settings, saved.kind
    if kind != "rug" and settings.method == "population":
        kind = "population"
    about = (
        f"n_sparse {settings.n_sparse:,}, n_dense {settings.n_dense:,}, p = {settings.p_on:g}, "
        f"{MADE[kind]}, step {saved.step:,}"
    )
    return saved.weights, settings.p_on, about, kind


def _not_drawn(reason: str) -> None:
    note(f"not drawn: {reason}.")
