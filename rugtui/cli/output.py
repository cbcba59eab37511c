"""What commands print: JSON or aligned lines on standard output, progress on standard error."""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self, cast

import click

from rugtui.analysis.glossary import LOSSES, PAPER, SYMMETRY
from rugtui.runtime.terminal import ResilientOutput, printable
from rugtui.vocabulary import SCHEMA_VERSION, with_old_names

if TYPE_CHECKING:
    from rich.console import Console

Say = Callable[[str], None]

INTERRUPTED = 130
"""The exit code of a command that ctrl+c interrupted."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")


LABELS = {
    "n_sparse": "n_sparse",
    "n_dense": "n_dense",
    "theory_loss": LOSSES["loss"].name,
    "loss_gaussian": LOSSES["gaussian"].name,
    "loss_exact": LOSSES["exact"].name,
    "loss_exact_standard_error": f"{LOSSES['exact'].name}, error",
    "loss_standard_error": "standard error",
    "loss_sampled": LOSSES["sampled"].name,
    "loss_sampled_standard_error": f"{LOSSES['sampled'].name}, error",
    "loss_over_theory": "loss / L*",
    "loss_pairs": LOSSES["pairs"].name,
    "a_pairs": "a of the pairs",
    "b_pairs": "b of the pairs",
    "kappa_pairs": "κ of the pairs",
    "loss_end": LOSSES["end"].name,
    "loss_lowest": LOSSES["lowest"].name,
    **{name: term.name for name, term in SYMMETRY.items()},
    "diagonal_spread": "spread of a",
    "bias_spread": "spread of b + μ",
    "noise_spread": "spread of σ",
    **PAPER,
}
"""Names in JSON → the same words as in the panes and in the paper."""


def note(text: object) -> None:
    """Print a note on standard error."""
    click.echo(f"rugtui: {printable(str(text))}", err=True)


def print_result(result: Mapping[str, Any], as_json: bool, *, old_names: str = "") -> None:
    """Print a result: all digits as JSON, or aligned lines for people.

    `old_names`: the kind of object (a key of `vocabulary.OLD`) whose older names JSON has too.
    """
    if as_json:
        print_json(with_old_names(old_names, result) if old_names else result)
        return
    lines = labelled(result)
    width = max(map(len, lines), default=0)
    for name, value in lines.items():
        click.echo(f"{name:<{width}}  {readable(value)}")


def labelled(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result by the names that people read; `loss` is named after its kind."""
    kind = {"heldout": "held out", "optimum": "loss"}.get(result.get("loss_kind", ""))
    dropped = {"loss_kind"} | ({"theory_loss"} if kind == "loss" else set())
    labels = LABELS if kind is None else LABELS | {"loss": LOSSES[kind].name}
    return {
        labels.get(name, name.replace("_", " ")): value
        for name, value in result.items()
        if name not in dropped
    }


def print_json(result: Mapping[str, Any]) -> None:
    """Print one JSON object. JSON has no NaN or infinity: they become null."""
    click.echo(json.dumps(_plain({"schema_version": SCHEMA_VERSION, **result})))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print at least one row under a header, with all digits."""
    table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str = ">") -> None:
    """Print columns as wide as their widest entry, aligned to the right, or with < to the left."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:{align}{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_rows(results: Sequence[Mapping[str, Any]]) -> None:
    """Print results of the same names as a table for people."""
    rows = [labelled(result) for result in results]
    print_table(list(rows[0]), [[readable(value) for value in row.values()] for row in rows])


def readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else printable(str(value))


def print_path(path: object) -> None:
    """Print a path: as it is for a program, with control characters escaped for a terminal."""
    click.echo(printable(str(path)) if sys.stdout.isatty() else str(path))


def _plain(value: Any) -> Any:
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

        self._console, self._every = _stderr(quiet), every
        self.is_bar = self._console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn(
                "{task.fields[text]}", table_column=Column(no_wrap=True, overflow="ellipsis")
            ),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self._console, disable=not self.is_bar)
        self._task = self._bar.add_task("", total=total, completed=done, text="")
        self._last_line = time.monotonic()
        self._bar.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the bar; later lines appear below it."""
        self._bar.stop()

    def update(self, done: float, position: str, text: str, *, due: bool = False) -> None:
        """Show how far the work is. `due`: write a line even if the last one was just now."""
        self._bar.update(self._task, completed=done, description=position, text=text)
        if not self.is_bar and (due or time.monotonic() - self._last_line > self._every):
            self._last_line = time.monotonic()
            self.say(f"{position}  {text}")

    def say(self, text: str) -> None:
        _print(self._console, text)

    def warn(self, text: str) -> None:
        """Print a warning even with --quiet: something was lost, or is not as requested."""
        _print(_stderr(False) if self._console.quiet else self._console, text)


def stderr_printer(quiet: bool) -> Say:
    """A function that prints a line on standard error, for commands without a bar."""
    return partial(_print, _stderr(quiet))


def _stderr(quiet: bool) -> Console:
    """A console on standard error that keeps working when its reader is gone."""
    from rich.console import Console

    return Console(file=cast(IO[str], ResilientOutput()), quiet=quiet)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def colours_of(console: Console) -> Any:
    """The name of the terminal's colour depth, as the palettes have it."""
    few = {"256": "256", "standard": "16", "windows": "16", None: "none"}
    return "none" if console.no_color else few.get(console.color_system, "truecolor")
