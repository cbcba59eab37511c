"""`rugtui watch`: shows a run that another process trains, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    SCREEN,
    complete_runs,
    declared_options,
    given_preferences,
    refuse_unused,
)
from rugtui.cli.output import print_json
from rugtui.errors import RunError


@click.command(name="watch")
@click.argument("run", required=False, shell_complete=complete_runs)
@declared_options(SCREEN)
@click.option("--json", "as_json", is_flag=True, help="Print its state as JSON and exit.")
@click.pass_context
def command(ctx: click.Context, run: str | None, as_json: bool, **given: Any) -> None:
    """Watch RUN (by default the latest live one), read-only, while another process trains it.

    The panes follow what that process saves: every ten seconds, or as its --autosave says. When it
    ends, the header says how. q quits; the other process trains on.
    """
    from rugtui.cli.dashboard import require_terminal, show_session
    from rugtui.live.session import Session
    from rugtui.live.watched_run import WatchedRun

    if as_json:
        from rugtui.cli.runs import facts
        from rugtui.storage.listing import listed

        refuse_unused(ctx, *SCREEN, because="with --json: nothing is drawn")
        print_json(facts(listed(run_to_watch(run))))
        return
    require_terminal()
    config = read_config()
    preferences = given_preferences(given, config.preferences)
    session = Session(WatchedRun(run_to_watch(run)))
    ctx.exit(show_session(session, preferences, config))


def run_to_watch(name: str | None) -> Path:
    """The named run; by default the latest live one, otherwise the latest.

    Raises RunError if there is none, or the name is that of a sweep.
    """
    from rugtui.storage.lock import holder
    from rugtui.storage.run_directory import all_runs, find_run
    from rugtui.sweeps.folder import is_sweep

    if name is not None and is_sweep(Path(name)):
        raise RunError(f"{name!r} is a sweep: watch it in the dashboard (`rugtui`, then x and l).")
    run = find_run(name)
    if name is not None or holder(run)[0]:
        return run
    live = [one for one in all_runs() if holder(one)[0]]
    return live[-1] if live else run
