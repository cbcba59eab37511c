"""`rugtui doctor`: checks what works here, gives advice, and prints a config file template."""

from __future__ import annotations

import contextlib
import locale
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from rugtui import __version__
from rugtui.cli.config_file import Config, read_config, template
from rugtui.cli.output import colours_of, json_option, print_json
from rugtui.errors import UsageError
from rugtui.storage.files import config_folder, ignored_variables

PACKAGES = ("torch", "textual", "numpy", "scipy", "rich", "platformdirs")


@click.command(name="doctor")
@click.option(
    "--template",
    "as_template",
    is_flag=True,
    help="Print a config file with every line commented out.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_template: bool, as_json: bool) -> None:
    """Check the terminal, its colours and link, devices, versions, folders and the config file.

    Prints one line for each check, and advice for those that fail. Exits with 1 if something does
    not work. Only the dashboard needs a terminal.
    """
    if as_template:
        if as_json:
            raise UsageError("--template prints a config file: leave out --json.")
        click.echo(template(), nl=False)
        return
    results = checks()
    works = all(check.works for check in results)
    if as_json:
        print_json({"works": works, "checks": {one.name: one.as_dict() for one in results}})
    else:
        width = max(len(check.name) for check in results)
        for check in results:
            mark = "ok" if check.works else "!!"
            click.echo(f"{mark}  {check.name.replace('_', ' '):<{width}}  {check.value}")
            for advice in check.advice:
                click.echo(f"    {'':<{width}}  → {advice}")
    ctx.exit(0 if works else 1)


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check; `advice` may also be about something that works."""

    name: str
    value: str
    works: bool = True
    advice: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "works": self.works, "advice": list(self.advice)}


def checks() -> list[Check]:
    """All checks, the most likely problems first."""
    from rugtui.storage.run_directory import runs_folder

    config, environment = read_config(), os.environ
    return [
        terminal(environment),
        size(terminal_size()),
        colours(),
        characters(environment),
        link(config, environment),
        clipboard(environment),
        devices(),
        package_versions(),
        folder("runs", runs_folder),
        folder("config_folder", config_folder),
        config_file(config),
    ]


def terminal(environment: Mapping[str, str]) -> Check:
    name = environment.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        value = f"standard input or output is not a terminal (TERM is {name or 'unset'})"
        advice = "the dashboard needs one; `rugtui train` and all other commands do not"
        return Check("terminal", value, False, (advice,))
    if name in ("", "dumb", "unknown"):
        advice = "set TERM to the terminal's type, such as xterm-256color"
        return Check("terminal", name or "TERM is unset", False, (advice,))
    inside = "TMUX" in environment and not name.startswith(("tmux", "screen"))
    return Check("terminal", f"{name} in tmux" if inside else name)


def terminal_size() -> tuple[int, int] | None:
    """Columns and rows; None if there is no terminal."""
    for descriptor in (1, 0, 2):
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(descriptor)
            return columns, rows
    return None


def size(columns_rows: tuple[int, int] | None) -> Check:
    from rugtui.tui.layout import LEAST, layout_for

    if columns_rows is None:
        return Check("size", "unknown: there is no terminal to ask")
    layout = layout_for(*columns_rows)
    value = f"{columns_rows[0]} × {columns_rows[1]}"
    if layout == "none":
        advice = f"enlarge it to at least {LEAST[0]} × {LEAST[1]}"
        return Check("size", value, False, (advice,))
    panes = {"compact": "three panes", "single": "one pane at a time"}.get(layout, "four panes")
    return Check("size", f"{value}: {panes}")


def colours() -> Check:
    from rich.console import Console

    depth = colours_of(Console())
    words = {"truecolor": "16 million", "256": "256", "16": "16", "none": "none"}
    advice: tuple[str, ...] = ()
    if depth == "none" and "NO_COLOR" in os.environ:
        advice = ("NO_COLOR is set: unset it to get colours",)
    elif depth in ("256", "16"):
        advice = ("if the terminal has more, set COLORTERM=truecolor",)
    return Check("colours", words[depth], True, advice)


def characters(environment: Mapping[str, str]) -> Check:
    encoding = locale.getpreferredencoding(False)
    works = encoding.lower().replace("-", "") == "utf8" and environment.get("TERM") != "linux"
    advice = ("use --ascii, or set LANG=C.UTF-8 for braille and block characters",)
    return Check("unicode", encoding, works, () if works else advice)


def link(config: Config, environment: Mapping[str, str]) -> Check:
    from rugtui.tui.terminal.bandwidth import KIB, BandwidthLimiter

    kind = config.preferences.link
    rate = BandwidthLimiter(kind, environment=environment).rate / KIB
    where = "over SSH" if "SSH_CONNECTION" in environment else "no SSH"
    return Check("link", f"{where}; --link {kind}: sends up to {rate:.0f} KiB/s at first")


def clipboard(environment: Mapping[str, str]) -> Check:
    """A guess: terminals do not report whether they accept OSC 52."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    capable = ("kitty", "alacritty", "foot", "wezterm", "ghostty", "iterm", "vscode", "contour")
    name = f"{term} {program}".lower()
    if "TMUX" in environment:
        advice = "in tmux: set -g set-clipboard on; set -g allow-passthrough on"
        return Check("clipboard", "tmux passes OSC 52 on if configured to", True, (advice,))
    if program == "Apple_Terminal" or term in ("linux", "dumb") or term.startswith("screen"):
        advice = "`y` also shows what it copies: select that with the mouse"
        return Check("clipboard", "this terminal ignores OSC 52", False, (advice,))
    if any(word in name for word in capable):
        return Check("clipboard", "this terminal accepts OSC 52")
    advice = "if `y` copies nothing, allow it in the terminal's settings (xterm: allowWindowOps)"
    return Check("clipboard", "unknown: the terminal may or may not accept OSC 52", True, (advice,))


def devices() -> Check:
    import torch

    threads = torch.get_num_threads()
    names = [f"cpu ({threads} thread{'s' * (threads > 1)})"]
    if torch.cuda.is_available():
        for k in range(torch.cuda.device_count()):
            names.append(f"cuda:{k} ({torch.cuda.get_device_name(k)})")
    if torch.backends.mps.is_available():
        names.append("mps")
    return Check("devices", ", ".join(names))


def package_versions() -> Check:
    versions = [f"rugtui {__version__}", f"python {platform.python_version()}"]
    missing = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    advice = (f"install {', '.join(missing)}",) if missing else ()
    return Check("versions", ", ".join(versions), not missing, advice)


def folder(name: str, find: Callable[[], Path]) -> Check:
    """Whether the folder is writable, or can be made."""
    variable = "XDG_STATE_HOME" if name == "runs" else "XDG_CONFIG_HOME"
    try:
        nearest = path = find()
    except UsageError as error:
        return Check(name, "none", False, (str(error),))
    if ignored := [text for text in ignored_variables() if text.startswith(variable)]:
        return Check(name, str(path), False, tuple(ignored))
    # os.path, because Path.exists raises where a folder may not be read
    while not os.path.exists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if os.path.isdir(nearest) and os.access(nearest, os.W_OK | os.X_OK):
        return Check(name, str(path) if nearest == path else f"{path} (does not exist yet)")
    why = "cannot be written to" if os.path.isdir(nearest) else "is not a folder"
    advice = f"{nearest} {why}: change that, or set {variable} to another folder"
    return Check(name, str(path), False, (advice,))


def config_file(config: Config) -> Check:
    if not config.found:
        make = f"mkdir -p {config.path.parent} && rugtui doctor --template > {config.path}"
        value = f"{config.path} (does not exist yet)"
        return Check("config_file", value, True, (f"`{make}` makes one",))
    errors = tuple(config.messages)
    count = (
        "no errors" if not errors else "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    )
    return Check("config_file", f"{config.path}: {count}", not errors, errors)
