"""`rugtui open`: shows a run, a snapshot or a file of weights in the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rugtui.cli.config_file import read_config
from rugtui.cli.options import (
    PREFERENCES,
    GroupedHelp,
    complete_runs,
    declared_options,
    given_changes,
    given_preferences,
    names_option,
    refuse_unused,
    settings_options,
    with_names,
)
from rugtui.cli.output import print_json
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
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON and exit.")
@settings_options("that of what is opened")
@declared_options(PREFERENCES)
@click.pass_context
def command(
    ctx: click.Context,
    what: str | None,
    goes_on: bool,
    names: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Show a run (by default the latest), the folder of a snapshot, or a file of weights.

    Nothing is written until it trains: with --continue, or when space is pressed. A run then
    continues in its own folder, anything else as a new run.

    FILE is a file of NumPy, safetensors or PyTorch with the arrays W_in, W_out, b, or those of many
    other projects (README). FILE#NAME chooses among several weights in it; FILE#2 is the third of
    several instances. Nothing is unpickled. --p sets the p of its losses.
    """
    from rugtui.cli.dashboard import require_terminal, show_session
    from rugtui.live.own_run import OwnRun
    from rugtui.live.session import Session
    from rugtui.models.weight_files.archive import split_selectors
    from rugtui.storage.run_directory import find_target

    refuse_unused(ctx, "preset", because="on weights that exist already")
    if as_json:
        from rugtui.api.runs import summary_of_saved

        unused = "goes_on", *fields_of(Preferences)
        refuse_unused(ctx, *unused, because="with --json: nothing is drawn or trained")
        target = find_target(what if names is None else with_names(what, names))
        print_json(summary_of_saved(target.path, given_changes(given)))
        return
    require_terminal()
    config = read_config()
    preferences = given_preferences(given, config.preferences)
    target = find_target(what if names is None else with_names(what, names))
    changes = given_changes(given)
    if target.kind != "weights":
        if names is not None:
            raise UsageError("--names is for a FILE of weights: name one.")
        require_hot(changes)
    own = OwnRun(
        Settings(),
        lambda: open_target(target, changes, every=preferences.autosave),
        source=split_selectors(target.path)[0].name,
        goes_on=goes_on,
        autosave=preferences.autosave,
    )
    ctx.exit(show_session(Session(own), preferences, config))


def require_hot(changes: dict[str, Any]) -> None:
    """Raises UsageError for settings that cannot change within a run."""
    fixed = [name for name in changes if name != "device" and not declared(name).rule.hot]
    if fixed:
        option = fixed[0].replace("_", "-")
        raise UsageError(
            f"{', '.join(fixed)} cannot change within a run; `rugtui --{option} …` starts another."
        )


def open_target(target: Target, changes: dict[str, Any], *, every: float) -> RunSession:
    """The run, snapshot or file, with the given settings changed. Raises RugtuiError, OSError."""
    from rugtui.live.opening import open_run, open_snapshot, open_weights

    if target.kind == "weights":
        return open_weights(target.path, changes, every=every)
    open_saved = open_run if target.kind == "run" else open_snapshot
    session = open_saved(target.path, device=changes.pop("device", ""), every=every)
    try:
        session.change(session.settings.replace(**changes))
    except BaseException:
        session.writer.close(0)
        raise
    return session
