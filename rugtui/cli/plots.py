"""What commands share that draw: plots in the terminal, and pictures in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rugtui.cli.config_file import read_config
from rugtui.cli.options import declared_option, given_preferences
from rugtui.errors import UsageError
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import Preferences

if TYPE_CHECKING:
    from rich.console import Console

    from rugtui.reports.plate import Plate

PICTURES = (".png", ".svg")
WIDEST = 120
"""Columns of a plot: beyond it there is nothing more to see."""


def plots_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The preferences that a plot in characters has."""
    for name in ("ascii", "theme"):
        command = declared_option(fields_of(Preferences)[name])(command)
    return command


def print_plate(plate: Plate, given: dict[str, Any]) -> None:
    """Draw a plate on standard output, in the colours that it has."""
    from rich.console import Console
    from rich.segment import SegmentLines

    from rugtui.tui.charts.palette import palette_for
    from rugtui.tui.charts.plates import drawn

    config = read_config().complain()
    preferences, console = given_preferences(given, config.preferences), Console()
    dark, plain = preferences.theme == "dark", preferences.ascii
    palette = palette_for(dark, colours_of(console), plain)
    width = min(console.width, WIDEST)
    strips = drawn(plate, palette, width, ascii_only=plain)
    console.print(SegmentLines([list(strip) for strip in strips], new_lines=True), end="")


def colours_of(console: Console) -> Any:
    """What the terminal has, as the palettes name it."""
    few = {"256": "eight bits", "standard": "sixteen", "windows": "sixteen", None: "none"}
    return "none" if console.no_color else few.get(console.color_system, "many")


def write_plate(plate: Plate, *paths: Path) -> None:
    """Print a plate into files, in the dashboard's own colours of W. Raises OSError."""
    from rugtui.reports.printed import write
    from rugtui.tui.panes.weights.picture_colours import picture_colours

    write(plate, picture_colours(dark=False), *paths)


def require_picture_name(path: Path) -> None:
    """Raises UsageError for a name that no picture has, or where none can be drawn."""
    if path.suffix not in PICTURES:
        raise UsageError(f"A figure is written as .png or .svg, but {path} is not named so.")
    from rugtui.reports.extra import require_matplotlib

    require_matplotlib()
