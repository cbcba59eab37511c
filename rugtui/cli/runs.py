"""`rugtui runs`: list runs and their sizes, and remove old ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import refuse_idle
from rugtui.cli.output import json_option, readable, write_json_line
from rugtui.errors import RunError, UsageError
from rugtui.runtime.characters import printable

if TYPE_CHECKING:
    from rugtui.storage.listing import Listed

KEEP = 10
COLUMNS = ("name", "state", "step", "loss", "size", "snapshots", "process")


@click.command(name="runs")
@click.option("--prune", is_flag=True, help="Remove old runs, after listing them and asking.")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=KEEP,
    show_default=True,
    help="With --prune: keep this many of the newest runs, live ones and those with snapshots.",
)
@click.option(
    "--snapshots",
    is_flag=True,
    help="With --prune: also remove runs with snapshots; every finished `rugtui train` has one.",
)
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, prune: bool, keep: int, snapshots: bool, yes: bool, as_json: bool
) -> None:
    """List the runs: live, paused, finished or crashed, with the step of their last save.

    A crashed run can continue like a paused one: `rugtui resume NAME` starts from its last save.
    `rugtui watch NAME` watches a live one.
    """
    from rugtui.storage.listing import listed, removable
    from rugtui.storage.run_directory import all_runs

    if not prune:
        refuse_idle(ctx, "keep", "snapshots", "yes", because="without --prune")
    runs, failed = [listed(run) for run in all_runs()], False
    if prune:
        there, runs = runs, removable(runs, keep, with_snapshots=snapshots)
        if spared := len(removable(there, keep, with_snapshots=True)) - len(runs):
            click.echo(f"with snapshots, and stay: {spared}; --snapshots lets them go", err=True)
        runs, failed = _pruned(runs, snapshots=snapshots, yes=yes, quiet=as_json)
    if as_json:
        write_json_line({"removed" if prune else "runs": [facts(run) for run in runs]})
    elif not prune:
        _show(runs)
    ctx.exit(1 if failed else 0)


def _show(runs: list[Listed]) -> None:
    if not runs:
        click.echo("no runs yet: `rugtui` or `rugtui train` makes one", err=True)
        return
    rows = [COLUMNS, *(_row(run) for run in runs)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    for run in runs:
        if run.trouble:
            click.echo(f"rugtui: {printable(run.trouble)}", err=True)
    total = sum(run.size for run in runs)
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    click.echo(f"{count}, {size_text(total)} in {runs[0].path.parent}", err=True)


def _row(run: Listed) -> tuple[str, ...]:
    target = run.settings.steps if run.settings else 0
    process = (
        f"{run.holder}, {'screen' if run.holder.screen else 'no screen'}" if run.holder else ""
    )
    return (
        printable(run.name),
        run.state,
        f"{run.step:,}" + (f" of {target:,}" if target else ""),
        readable(run.loss),
        size_text(run.size),
        str(run.snapshots),
        process,
    )


def facts(run: Listed) -> dict[str, Any]:
    return {
        "name": run.name,
        "path": str(run.path),
        "state": run.state,
        "step": run.step,
        "seconds": run.seconds,
        "loss": run.loss,
        "bytes": run.size,
        "snapshots": run.snapshots,
        "pid": run.holder.pid if run.holder else None,
        "screen": run.holder.screen if run.holder else None,
        "settings": run.settings.as_dict() if run.settings else None,
        "trouble": run.trouble or None,
    }


def _pruned(
    runs: list[Listed], *, snapshots: bool, yes: bool, quiet: bool
) -> tuple[list[Listed], bool]:
    """List the runs to remove, ask, and remove them; returns those removed, and whether any could
    not be removed.

    Raises UsageError if there is no terminal to ask on.
    """
    from rugtui.storage.listing import remove

    for run in () if quiet else runs:
        click.echo(f"{printable(run.name)}  {run.state}  {size_text(run.size)}")
    total = size_text(sum(run.size for run in runs))
    if not runs:
        click.echo("nothing to remove", err=True)
        return [], False
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"{len(runs)} runs ({total}) would go: --yes removes them.")
    if not yes and not click.confirm(f"remove these {len(runs)} runs, {total}?", err=True):
        raise click.Abort
    gone, failed = [], False
    for run in runs:
        try:
            remove(run.path, with_snapshots=snapshots)
        except (OSError, RunError) as error:
            failed = failed or isinstance(error, OSError)  # the other is what it became meanwhile
            click.echo(f"rugtui: {printable(str(error))}", err=True)
        else:
            gone.append(run)
    total = size_text(sum(run.size for run in gone))
    click.echo(f"removed {len(gone)} runs, {total}", err=True)
    return gone, failed


def size_text(size: float) -> str:
    """Bytes as text for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
