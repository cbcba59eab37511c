"""`rugtui watch`: shows a run that another process trains, read-only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    SCREEN,
    complete_runs,
    given_preferences,
    refuse_idle,
    screen_options,
)
from rugtui.cli.output import write_json_line
from rugtui.errors import RunError


@click.command(name="watch")
@click.argument("run", required=False, shell_complete=complete_runs)
@screen_options
@click.option("--json", "as_json", is_flag=True, help="Print how it is, as JSON, and end.")
@click.pass_context
def command(ctx: click.Context, run: str | None, as_json: bool, **given: Any) -> None:
    """Watch RUN (by default the latest live one), read-only, while another process trains it.

    The panes follow what that process saves: every ten seconds, or as its --autosave says. When it
    ends, the header says how. q leaves, and training goes on.
    """
    from rugtui.cli.dashboard import look, require_terminal
    from rugtui.live.session import Session
    from rugtui.live.watched_run import WatchedRun

    if as_json:
        from rugtui.cli.runs import facts
        from rugtui.storage.listing import listed

        refuse_idle(ctx, *SCREEN, because="with --json: nothing is drawn")
        write_json_line(facts(listed(meant(run))))
        return
    require_terminal()
    config = read_config()
    preferences = given_preferences(given, config.preferences)
    ctx.exit(look(Session(WatchedRun(meant(run))), preferences, config))


def meant(run: str | None) -> Path:
    """The named run; by default the latest live one, otherwise the latest.

    Raises RunError if there is none, or the name is that of a sweep.
    """
    from rugtui.storage.lock import holder
    from rugtui.storage.run_directory import all_runs, find_run
    from rugtui.sweeps.folder import is_sweep

    if run is not None and is_sweep(Path(run)):
        raise RunError(f"{run!r} is a sweep: `rugtui`, then x and l, watches it.")
    found = find_run(run)
    if run is not None or holder(found)[0]:
        return found
    live = [one for one in all_runs() if holder(one)[0]]
    return live[-1] if live else found
