"""`rugtui train`: the same run without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.headless import Signals, keeping_options, train_on
from rugtui.cli.options import given_preferences, given_settings, settings_options
from rugtui.cli.output import json_option
from rugtui.runtime.garbage import frozen_gc


@click.command(name="train")
@settings_options
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="Folder for the run."
)
@keeping_options
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    into: Path | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Train without a screen: progress on standard error, the result on standard output.

    The run is saved as it goes; interrupted (ctrl+c), it saves the last step too and exits with
    130. `rugtui resume` goes on from there.
    """
    config = read_config().complain()
    settings = given_settings(given, config.settings)
    preferences = given_preferences(given, config.preferences)
    with Signals(preferences.on_hangup) as signals:
        with frozen_gc():
            from rugtui.live.run_session import RunSession

        course = RunSession.new(settings, into=into, every=preferences.autosave)
        code = train_on(course, signals, quiet=quiet, as_json=as_json)
    ctx.exit(code)
