"""The command line: stdout is data, stderr narration; exit 0 done, 1 failed, 2 usage, 130 cut off.

One command a file. A command's module is imported when the command is called, and imports what is
heavy (torch, scipy, textual) inside the command, so that `--help` and `predict` answer at once.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from rugtui import __version__
from rugtui.cli.options import (
    given_preferences,
    given_settings,
    preferences_options,
    settings_options,
)
from rugtui.cli.output import INTERRUPTED, printable
from rugtui.errors import RugtuiError, UsageError
from rugtui.runtime.threads import configure_spin_wait
from rugtui.runtime.user_folders import ignored_variables

COMMANDS = (
    "train",
    "resume",
    "watch",
    "open",
    "runs",
    "export",
    "predict",
    "rug",
    "sweep",
    "study",
    "figures",
    "doctor",
    "help",
)
"""In the order of `--help`; command NAME is the function `command` of rugtui/cli/NAME.py."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"rugtui.cli.{cmd_name}").command


@click.group(
    cls=LazyGroup, invoke_without_command=True, context_settings={"max_content_width": 100}
)
@click.version_option(__version__, prog_name="rugtui")
@settings_options
@preferences_options
@click.pass_context
def rugtui(ctx: click.Context, **given: Any) -> None:
    """Watch a toy model of superposition learn, beside what theory says it must do.

    Without a command: the dashboard, training at once. Keys are in its footer; ? explains them.
    """
    if ctx.invoked_subcommand is None:
        from rugtui.cli.config_file import read_config
        from rugtui.cli.dashboard import show

        config = read_config(given=given)
        settings = given_settings(given, config.settings)
        ctx.exit(show(settings, given_preferences(given, config.preferences), config))
    elif any(value is not None for value in given.values()):
        name = ctx.invoked_subcommand
        raise click.UsageError(f"settings go behind the command: rugtui {name} --option …")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    configure_spin_wait()
    for sentence in ignored_variables():
        print(f"rugtui: {printable(sentence)}", file=sys.stderr)
    try:
        return rugtui.main(arguments, prog_name="rugtui", standalone_mode=False) or 0
    except RugtuiError as error:
        print(f"rugtui: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("rugtui: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        too_long = error.errno == errno.ENAMETOOLONG
        said = _too_long(str(error.filename)) if too_long else printable(str(error))
        print(f"rugtui: {said}", file=sys.stderr)
        return UsageError.exit_code if too_long else 1


def _too_long(name: str) -> str:
    shown = printable(name if len(name) <= 50 else f"{name[:50]}…")
    return f"no file has so long a name ({len(name):,} characters): '{shown}'; write a shorter one."
