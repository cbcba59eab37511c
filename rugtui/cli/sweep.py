"""`rugtui sweep`: a grid of (n_sparse, r, p), in processes of this machine or on Dask."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import PathOption, declared_options, whole_number_option
from rugtui.cli.output import ProgressPrinter, Say, json_option, print_result, stderr_printer
from rugtui.cli.signals import Signals
from rugtui.errors import UsageError
from rugtui.runtime.terminal import printable
from rugtui.settings.fields import fields_of
from rugtui.sweeps.grid import Axes, Grid

if TYPE_CHECKING:
    from rugtui.sweeps.cluster import Cluster
    from rugtui.sweeps.estimate import Estimate
    from rugtui.sweeps.folder import Progress, SweepFolder
    from rugtui.sweeps.plan import Unit

LINE_EVERY = 5.0
"""Seconds between two lines of progress if standard error is not a terminal."""


@click.command(name="sweep")
@declared_options(fields_of(Grid).values())
@click.option(
    "--out",
    type=PathOption(),
    help="Folder of the sweep, new or to be continued.  [required, except with --dry-run]",
)
@click.option("--method", type=click.Choice(["sgd", "population"]), hidden=True)
@whole_number_option("--workers", 1, help="Compute in this many processes, by Dask.")
@click.option("--dask", "address", metavar="ADDRESS", help="Compute on this Dask scheduler.")
@click.option("--retry-failed", is_flag=True, help="Compute failed cells again.")
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be computed, and how long it takes."
)
@click.option("--quiet", is_flag=True, help="Do not show progress or notes.")
@json_option
def command(
    out: Path | None,
    workers: int | None,
    address: str | None,
    retry_failed: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Compute trained weights, rugs, theory and the linear model at every point of a grid.

    Axes are lists (0.1,0.25) or ranges (0.002:0.8:20, 1e-3:0.1:7:log). The same command continues
    a sweep that was stopped; so does --out alone, with the settings it was begun with. Longer axes
    extend a sweep; with --retry-failed the other settings may change too. The table is
    results.parquet and results.csv in the folder.
    """
    if address is not None and not address.strip():
        raise UsageError("--dask must be a scheduler's address, tcp://HOST:PORT, but it is empty.")
    if workers and address:
        raise UsageError("--workers starts a cluster here, --dask names another: give one of them.")
    # One thread for NumPy's products, set before NumPy is loaded: units run side by side, and BLAS
    # threads waiting for each other would take their cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    grid = requested_grid(given, out)
    say = stderr_printer(quiet or not sys.stderr)
    with Signals() as signals:
        todo = remaining_units(grid, out, retry_failed)
        plan = estimated(todo, grid, workers, address)
        if dry_run or out is None:
            print_plan(plan, grid, say)
            if not dry_run:
                raise UsageError("A sweep needs a folder: give --out DIR, or --dry-run.")
            if as_json:
                print_result(dataclasses.asdict(plan), True)
            return 0
        with connected(plan.processes if workers else 0, address) as cluster:
            if cluster and address:
                plan = estimated(todo, grid, cluster.workers, address)
            print_plan(plan, grid, say)
            if cluster and not cluster.workers:
                say("rugtui: no Dask worker has joined yet; the sweep begins with the first.")
            from rugtui.sweeps.folder import SweepFolder

            folder = SweepFolder.begin(out, grid, retry_failed=retry_failed)
            return compute(folder, cluster, signals, say, retry_failed, quiet, as_json)


def requested_grid(given: dict[str, Any], out: Path | None) -> Grid:
    """The options over the folder's grid over the defaults. Raises SettingError."""
    from rugtui.sweeps.folder import grid_of, is_sweep

    changes = {
        name: getattr(value, "value", value) for name, value in given.items() if value is not None
    }
    return Grid.asked(changes, grid_of(out) if out is not None and is_sweep(out) else None)


def remaining_units(grid: Grid, out: Path | None, retry_failed: bool) -> list[Unit]:
    """The units with cells that are not in the folder. Raises OSError, RugtuiError."""
    from rugtui.sweeps.folder import is_sweep, read_rows, require_same
    from rugtui.sweeps.plan import left, units

    done = set()
    if out is not None and is_sweep(out):
        require_same(out, grid, retry_failed=retry_failed)
        rows = read_rows(out).rows
        done = {row.key for row in rows if row.status == "done" or not retry_failed}
    return left(units(grid), done)


def estimated(todo: list[Unit], grid: Grid, workers: int | None, address: str | None) -> Estimate:
    """The estimate. Raises UsageError if this machine computes and no model fits in its memory."""
    from rugtui.runtime.machine import cores
    from rugtui.sweeps.estimate import estimate, on_this_machine

    if address:
        return estimate(todo, grid, workers or 1)
    return on_this_machine(todo, grid, workers or cores(), waits=not workers)


def print_plan(plan: Estimate, grid: Grid, say: Say) -> None:
    axes = Axes.of(grid)
    for text in axes.notes:
        say(f"rugtui: {text}")
    say(
        f"{plan.cells:,} of {axes.cells:,} cells to compute, in {plan.units:,} units: "
        f"{axes.words}; {plan.words}."
    )
    for text in plan.notes:
        say(f"rugtui: {text}")


@contextmanager
def connected(workers: int, address: str | None) -> Iterator[Cluster | None]:
    """The Dask cluster; None if the sweep does not use Dask."""
    if not workers and not address:
        yield None
        return
    from rugtui.sweeps.cluster import Cluster

    cluster = Cluster(address=address, workers=workers)
    try:
        yield cluster
    finally:
        cluster.close()


def compute(
    folder: SweepFolder,
    cluster: Cluster | None,
    signals: Signals,
    say: Say,
    retry_failed: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Compute the rest and return the exit code: 1 if any cell in the table failed.

    The result also goes into the folder's log, in case the terminal is gone.
    """
    from rugtui.storage.run_directory import log
    from rugtui.sweeps.folder import run
    from rugtui.sweeps.processes import outcomes

    started, out = time.monotonic(), folder.path
    for text in folder.found.notes:
        say(f"rugtui: {text}")
    signals.save_first(lambda: log(out, "the terminal is gone; the sweep goes on"))
    try:
        computed = cluster.outcomes if cluster else outcomes
        total = Axes.of(folder.grid).cells
        with SweepProgress(total, every=LINE_EVERY, quiet=quiet) as progress:
            for at in run(folder, computed, lambda: signals.ended, retry_failed=retry_failed):
                progress.show(at)
    finally:
        folder.close()
    result = summary(folder, time.monotonic() - started, signals.name)
    print_result(result, as_json)
    for sentence in closing_messages(result, out):
        log(out, sentence)
        stderr_printer(quiet=not sys.stderr)(f"rugtui: {printable(sentence)}")
    log(out, json.dumps(result))
    return signals.exit_code or (1 if result["failed"] else 0)


def summary(folder: SweepFolder, seconds: float, stopped_by: str) -> dict[str, Any]:
    """What `--json` prints; `stopped_by` is the name of a signal."""
    from rugtui.sweeps.table import CSV, PARQUET

    rows = folder.rows
    failed = [row for row in rows if row.status == "failed"]
    total = Axes.of(folder.grid).cells
    return {
        "out": str(folder.path),
        "cells": total,
        "done": len(rows) - len(failed),
        "failed": len(failed),
        "left": total - len(rows),
        "seconds": seconds,
        "parquet": str(folder.path / PARQUET),
        "csv": str(folder.path / CSV),
        "stop_reason": stopped_by or "done",
        "first_error": f"{failed[0].name}: {failed[0].error}".rstrip(".") if failed else None,
    }


def closing_messages(result: dict[str, Any], out: Path) -> Iterator[str]:
    """Printed even with --quiet: that the sweep was stopped, and what failed."""
    again = f"`rugtui sweep --out {shlex.quote(str(out))}"
    if result["stop_reason"] != "done":
        yield (
            f"stopped by {result['stop_reason']}: {result['done']:,} of {result['cells']:,} cells "
            f"are kept; {again}` computes the rest."
        )
    if result["failed"]:
        count = f"{result['failed']:,} cells" if result["failed"] > 1 else "1 cell"
        yield (
            f"{count} failed, the first one: {result['first_error']}. {again} --retry-failed` "
            "computes them again."
        )


class SweepProgress(ProgressPrinter):
    """Cells done, their rate, and the time left."""

    def show(self, at: Progress) -> None:
        from rugtui.sweeps.estimate import duration

        text = f"{at.rate:.3g} cells/s"
        text += f", {duration(at.left)} left" if at.left and not self.is_bar else ""
        text += f", {at.failed} failed" if at.failed else ""
        self.update(at.done, f"{at.done:,} of {at.total:,} cells", text, due=at.done == at.total)
