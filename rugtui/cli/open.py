"""`rugtui open`: opens a run, a snapshot or a weight file in the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    GroupedHelp,
    complete_runs,
    given_preferences,
    names_option,
    preferences_options,
    refuse_idle,
    settings_options,
    with_names,
    written,
)
from rugtui.cli.output import write_json_line
from rugtui.errors import UsageError
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings, declared

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.run_directory import Target


@click.command(name="open", cls=GroupedHelp)
@click.argument("what", required=False, metavar="[RUN|SNAPSHOT|FILE]", shell_complete=complete_runs)
@click.option("--continue", "goes_on", is_flag=True, help="Start training at once.")
@names_option
@click.option("--json", "as_json", is_flag=True, help="Print what it is, as JSON, and end.")
@settings_options
@preferences_options
@click.pass_context
def command(
    ctx: click.Context,
    what: str | None,
    goes_on: bool,
    names: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Look at a run (by default the latest), the folder of a snapshot, or a file of weights.

    Nothing is written until it trains: with --continue, or when space is pressed. A run then
    continues as itself, anything else as a new run.

    FILE is one of NumPy, safetensors or PyTorch with W_in, W_out, b, or with the names of many
    other projects (README). FILE#NAME chooses where it has several weights, FILE#2 is the third of
    several instances. Nothing is unpickled. Its losses are those at --p.
    """
    from rugtui.cli.dashboard import look, require_terminal
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.storage.run_directory import find_target

    refuse_idle(ctx, "preset", because="on what was trained already")
    if as_json:
        from rugtui.api.saved import summary

        idle = "goes_on", *fields_of(Preferences)
        refuse_idle(ctx, *idle, because="with --json: nothing is drawn or trained")
        found = find_target(what if names is None else with_names(what, names))
        write_json_line(summary(found.path, written(given)))
        return
    require_terminal()
    config = read_config()
    preferences = given_preferences(given, config.preferences)
    found, changes = find_target(what if names is None else with_names(what, names)), written(given)
    if names is not None and found.kind != "weights":
        raise UsageError("--names is for a FILE of weights: name one.")
    if found.kind != "weights":
        require_hot(changes)
    every = preferences.autosave
    own = OwnRun(
        Settings(),
        lambda: opened(found, changes, every=every),
        source=split_selectors(found.path)[0].name,
        goes_on=goes_on,
        autosave=every,
    )
    ctx.exit(look(Session(own), preferences, config))


def require_hot(changes: dict[str, Any]) -> None:
    """Raises UsageError for settings that cannot change within a run."""
    fixed = [name for name in changes if name != "device" and not declared(name).rule.hot]
    if fixed:
        option = fixed[0].replace("_", "-")
        raise UsageError(
            f"{', '.join(fixed)} cannot change within a run; `rugtui --{option} …` starts another."
        )


def opened(found: Target, changes: dict[str, Any], *, every: float) -> RunSession:
    """The run, snapshot or file, with the given settings changed. Raises RugtuiError, OSError."""
    from rugtui.live.opening import open_run, open_snapshot, open_weights

    if found.kind == "weights":
        return open_weights(found.path, changes, every=every)
    read = open_run if found.kind == "run" else open_snapshot
    run_session = read(found.path, device=changes.pop("device", ""), every=every)
    try:
        run_session.change(run_session.settings.replace(**changes))
    except BaseException:
        run_session.writer.close(0)
        raise
    return run_session
