"""What commands print: a JSON object or aligned lines on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, Self, cast

import click

from rugtui.runtime.characters import printable
from rugtui.runtime.terminal import ResilientOutput
from rugtui.vocabulary import SCHEMA_VERSION, with_old_names

if TYPE_CHECKING:
    from rich.console import Console

Say = Callable[[str], None]

INTERRUPTED = 130
"""The exit code of a command that ctrl+c interrupted."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)


def emit(
    result: Mapping[str, Any],
    as_json: bool,
    *,
    old_names: str = "",
    words: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print a result: all digits as JSON, or aligned lines for people, with `words` for names.

    `old_names`: the kind of object (a key of `vocabulary.OLD`) whose older names JSON has too.
    """
    if as_json:
        write_json_line(with_old_names(old_names, result) if old_names else result)
        return
    told = {words.get(key, key.replace("_", " ")): value for key, value in result.items()}
    width = max(map(len, told), default=0)
    for name, value in told.items():
        click.echo(f"{name:<{width}}  {readable(value)}")


def write_json_line(result: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(_plain({"schema_version": SCHEMA_VERSION, **result})))


def readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else printable(str(value))


def echo_path(path: object) -> None:
    """Print a path: as it is for a program, with control characters escaped for a terminal."""
    click.echo(printable(str(path)) if sys.stdout.isatty() else str(path))


def _plain(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null, like a gap."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


class ProgressPrinter:
    """A progress bar on a terminal, otherwise a line from time to time."""

    def __init__(
        self, total: float | None, done: int = 0, *, every: float, quiet: bool = False
    ) -> None:
        """`every`: seconds between two lines if there is no bar."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self._console, self._every = _narration(quiet), every
        self.is_bar = self._console.is_terminal and not quiet
        cut = Column(no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[said]}", table_column=cut),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self._console, disable=not self.is_bar)
        self._task = self._bar.add_task("", total=total, completed=done, said="")
        self._told_at = time.monotonic()
        self._bar.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the bar; later lines appear below it."""
        self._bar.stop()

    def at(self, done: float, how_far: str, said: str, *, due: bool = False) -> None:
        """`due`: write a line even if the last one was just now."""
        self._bar.update(self._task, completed=done, description=how_far, said=said)
        if not self.is_bar and (due or time.monotonic() - self._told_at > self._every):
            self._told_at = time.monotonic()
            self.say(f"{how_far}  {said}")

    def say(self, text: str) -> None:
        _print(self._console, text)

    def warn(self, text: str) -> None:
        """Print a warning even with --quiet: something was lost, or is not as requested."""
        _print(_narration(False) if self._console.quiet else self._console, text)


def teller(quiet: bool) -> Say:
    """A function that writes a line on standard error, for commands without a bar."""
    return partial(_print, _narration(quiet))


def _narration(quiet: bool) -> Console:
    """A console on standard error that keeps working when its reader is gone."""
    from rich.console import Console

    return Console(file=cast(IO[str], ResilientOutput()), quiet=quiet)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def colours_of(console: Console) -> Any:
    """The name of the terminal's colour depth, as the palettes have it."""
    few = {"256": "256", "standard": "16", "windows": "16", None: "none"}
    return "none" if console.no_color else few.get(console.color_system, "truecolor")
