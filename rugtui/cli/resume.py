"""`rugtui resume`: continues a stopped run from its last step, or takes over a live one."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    PREFERENCES,
    SCREEN,
    GroupedHelp,
    complete_runs,
    declared_options,
    given_preferences,
    given_settings,
    refuse_unused,
)
from rugtui.cli.output import json_option, note
from rugtui.cli.signals import Signals
from rugtui.cli.train import train_on
from rugtui.errors import RunError
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import fields

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession

PATIENCE = 120.0
"""Seconds to wait for a live run to save and end."""


@click.command(name="resume", cls=GroupedHelp)
@click.argument("run", required=False, shell_complete=complete_runs)
@declared_options([field for field in fields() if field.rule.hot], "unchanged")
@click.option("--no-screen", is_flag=True, help="Train without the dashboard, as `rugtui train`.")
@declared_options(PREFERENCES)
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str | None,
    no_screen: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Continue RUN (a name, its first letters, or a path; by default the latest).

    A run that another process trains without a dashboard is taken over: that process saves and
    exits, and the run continues here from the same step. Settings given here apply from then on.
    """
    from rugtui.storage.run_directory import find_run, settings_of_run

    if no_screen:
        refuse_unused(ctx, *SCREEN, because="with --no-screen")
    else:
        refuse_unused(ctx, "quiet", "as_json", because="in the dashboard, without --no-screen")
    path, config = find_run(run), read_config()
    preferences = given_preferences(given, config.preferences)
    given_settings(given, settings_of_run(path))  # errors come before the other process is asked
    if not no_screen:
        from rugtui.cli.dashboard import require_terminal, show

        require_terminal()
        take_over(path)
        opening = functools.partial(resumed, path, given, preferences, screen=True)
        ctx.exit(show(settings_of_run(path), preferences, config, opening, path))
    config.report()
    take_over(path)
    with Signals(preferences.on_hangup) as signals:
        session = resumed(path, given, preferences)
        code = train_on(session, signals, quiet=quiet, as_json=as_json)
    ctx.exit(code)


def resumed(
    run: Path, given: dict[str, Any], preferences: Preferences, *, screen: bool = False
) -> RunSession:
    """The run, with the given settings changed."""
    from rugtui.live.run_session import RunSession

    session = RunSession.resumed(run, screen=screen, every=preferences.autosave)
    try:
        session.change(given_settings(given, session.settings))
    except BaseException:
        session.writer.close(0)
        raise
    return session


def take_over(run: Path) -> None:
    """Ask the process that trains this run to save and exit, and wait for it.

    Raises RunError if it has a dashboard, does not exit, or is on another machine.
    """
    from rugtui.storage.lock import holder

    live, other = holder(run)
    if not live:
        return
    if other is None or other.elsewhere or other.screen:
        who = other or "another process"
        raise RunError(
            f"{run.name!r} is open in {who}: quit there first, or watch it with "
            f"`rugtui watch {run.name}`."
        )
    note(f"{other} trains this run; asking it to save and exit …")
    other.ask_to_exit()
    deadline = time.monotonic() + PATIENCE
    while holder(run)[0]:
        if time.monotonic() > deadline:
            raise RunError(f"{other} did not exit within {PATIENCE:g} seconds.")
        time.sleep(0.05)
