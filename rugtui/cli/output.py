"""What commands print: one JSON object, or lines for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import click

INTERRUPTED = 130
"""The exit code of a command that ctrl+c ended."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on standard output."
)


def emit(result: Mapping[str, Any], as_json: bool) -> None:
    """Print a result: all digits as JSON, or aligned lines for people."""
    if as_json:
        write_json_line(result)
        return
    width = max(map(len, result), default=0)
    for key, value in result.items():
        click.echo(f"{key.replace('_', ' '):<{width}}  {readable(value)}")


def write_json_line(result: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(_plain(result)))


def readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else printable(str(value))


def echo_path(path: object) -> None:
    """Print a path: as it is where a program reads it, printable where a terminal does."""
    click.echo(printable(str(path)) if sys.stdout.isatty() else str(path))


def printable(text: str) -> str:
    """A name as it may be printed: control characters, which terminals obey, are written out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _plain(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null, as a gap would."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
