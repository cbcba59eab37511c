"""`rugtui runs`: lists the runs, and removes old ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.options import refuse_unused, whole_number_option
from rugtui.cli.output import json_option, note, print_json, print_table, readable
from rugtui.errors import RunError, UsageError
from rugtui.runtime.terminal import printable

if TYPE_CHECKING:
    from rugtui.storage.listing import Listed

KEEP = 10
COLUMNS = ("name", "state", "step", "loss", "size", "snapshots", "process")


@click.command(name="runs")
@click.option("--prune", is_flag=True, help="Remove old runs, after listing them and asking.")
@whole_number_option(
    "--keep",
    0,
    default=KEEP,
    help="With --prune: how many of the newest runs to keep; live runs and those with snapshots "
    f"stay, too.  [{KEEP}]",
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

    `rugtui resume NAME` continues a paused or crashed run from its last save. `rugtui watch NAME`
    watches a live one.
    """
    from rugtui.storage.listing import listed, removable
    from rugtui.storage.run_directory import all_runs

    if not prune:
        refuse_unused(ctx, "keep", "snapshots", "yes", because="without --prune")
    runs, failed = [listed(run) for run in all_runs()], False
    if prune:
        old = removable(runs, keep, with_snapshots=snapshots)
        if spared := len(removable(runs, keep, with_snapshots=True)) - len(old):
            note(f"not removed: {_count(spared)} with snapshots (--snapshots removes these, too)")
        runs, failed = _prune(old, snapshots=snapshots, yes=yes, quiet=as_json)
    if as_json:
        print_json({"removed" if prune else "runs": [facts(run) for run in runs]})
    elif not prune:
        _show(runs)
    ctx.exit(1 if failed else 0)


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def _total(runs: list[Listed]) -> str:
    return size_text(sum(run.size for run in runs))


def _show(runs: list[Listed]) -> None:
    if not runs:
        note("no runs yet: `rugtui` or `rugtui train` makes one")
        return
    print_table(COLUMNS, [_row(run) for run in runs], "<")
    for run in runs:
        if run.trouble:
            note(run.trouble)
    note(f"{_count(len(runs))}, {_total(runs)} in {runs[0].path.parent}")


def _row(run: Listed) -> tuple[str, ...]:
    target = run.settings.steps if run.settings else 0
    process = ""
    if run.holder:
        process = f"{run.holder}, {'dashboard' if run.holder.screen else 'no dashboard'}"
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
    """A run as `--json` prints it."""
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


def _prune(
    runs: list[Listed], *, snapshots: bool, yes: bool, quiet: bool
) -> tuple[list[Listed], bool]:
    """List these runs, ask, and remove them; returns those removed, and whether removing failed.

    Raises UsageError if there is no terminal to ask on.
    """
    from rugtui.storage.listing import remove

    if not runs:
        note("nothing to remove")
        return [], False
    for run in () if quiet else runs:
        click.echo(f"{printable(run.name)}  {run.state}  {size_text(run.size)}")
    what = f"{_count(len(runs))} ({_total(runs)})"
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"There is no terminal to ask on: --yes removes {what} without asking.")
    if not yes and not click.confirm(f"Remove {what}?", err=True):
        raise click.Abort
    removed, failed = [], False
    for run in runs:
        try:
            remove(run.path, with_snapshots=snapshots)
            removed.append(run)
        except RunError as error:  # it is in use by now, or has a snapshot
            note(error)
        except OSError as error:
            note(error)
            failed = True
    note(f"removed {_count(len(removed))} ({_total(removed)})")
    return removed, failed


def size_text(size: float) -> str:
    """Bytes as text for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
