"""The command line: results on stdout, notes on stderr; exit 0 done, 1 failed, 2 wrong usage.

One file per command. A command's module is imported when the command is called, and imports heavy
libraries (torch, scipy, textual) inside functions, so that `--help` and `predict` answer at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from rugtui import __version__
from rugtui.cli.options import (
    PREFERENCES,
    GroupedHelp,
    declared_options,
    given_preferences,
    given_settings,
    settings_options,
)
from rugtui.cli.output import INTERRUPTED
from rugtui.errors import RugtuiError, UsageError
from rugtui.runtime.terminal import printable, substitute_missing
from rugtui.runtime.threads import configure_spin_wait
from rugtui.storage.files import ignored_variables

COMMANDS = {
    "train": "Train without the dashboard.",
    "resume": "Continue a run, in the dashboard or without.",
    "watch": "Watch a run that another process trains.",
    "open": "Show a run, a snapshot or a file of weights.",
    "runs": "List the runs; remove old ones.",
    "export": "Write a run or weights in another format.",
    "predict": "Losses in theory at (r, p), or of given weights.",
    "rug": "Build a Persian rug and compute its losses.",
    "sweep": "Compute a grid of models into one table.",
    "study": "Experiments of several runs.",
    "figures": "Draw the paper's figures.",
    "doctor": "Check the terminal, folders and config file.",
    "help": "Open the manual, or explain a word.",
}
"""Commands with their help, in order; command NAME is `command` in rugtui/cli/NAME.py."""


NOT_ON_WINDOWS = (
    "rugtui: Windows lacks the terminal and the file locks that rugtui needs; run it in WSL: "
    "`wsl --install`, then install rugtui there."
)


class LazyGroup(GroupedHelp, click.Group):
    """A group that imports a command's module only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"rugtui.cli.{cmd_name}").command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them, then the options of the dashboard."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        super().format_options(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but a closed pipe (`| head`) is not an error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            ctx.exit(0)
        return result


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rugtui")
@settings_options()
@declared_options(PREFERENCES)
@click.pass_context
def rugtui(ctx: click.Context, **given: Any) -> None:
    """Watch a toy model of superposition learn, and compare it with theory.

    Without a command, the dashboard opens and trains at once; ? lists its keys. `rugtui help` lists
    the chapters of the manual; `rugtui help WORD` explains a word, such as L* or skew.
    """
    if ctx.invoked_subcommand is None:
        from rugtui.cli.config_file import read_config
        from rugtui.cli.dashboard import show

        config = read_config(given=given)
        settings = given_settings(given, config.settings)
        ctx.exit(show(settings, given_preferences(given, config.preferences), config))
    elif any(value is not None for value in given.values()):
        name = ctx.invoked_subcommand
        raise UsageError(f"options go after the command: rugtui {name} --option …")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    if sys.platform == "win32":
        print(NOT_ON_WINDOWS, file=sys.stderr)
        return 1
    configure_spin_wait()
    substitute_missing()
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # Textual treats an empty one as set
    for sentence in ignored_variables():
        print(f"rugtui: {printable(sentence)}", file=sys.stderr)
    try:
        return rugtui.main(arguments, prog_name="rugtui", standalone_mode=False) or 0
    except RugtuiError as error:
        print(f"rugtui: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        message = error.format_message()
        print(f"rugtui: {printable(message[:1].lower() + message[1:])}", file=sys.stderr)
        context = getattr(error, "ctx", None)
        if context is not None:
            print(f"rugtui: `{context.command_path} --help` lists the options.", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("rugtui: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            print(f"rugtui: {printable(str(error))}", file=sys.stderr)
            return 1
        name = str(error.filename)
        start = printable(name if len(name) <= 50 else f"{name[:50]}…")
        print(
            f"rugtui: the name is too long ({len(name):,} characters): '{start}'", file=sys.stderr
        )
        return UsageError.exit_code
