"""What commands that take long say on standard error, and how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING, Self, cast

from rugtui.runtime.terminal import ResilientOutput

if TYPE_CHECKING:
    from rich.console import Console

Say = Callable[[str], None]


class ProgressPrinter:
    """A bar on a terminal, else a line now and then; both say how far, then what there is."""

    def __init__(
        self, total: float | None, done: int = 0, *, every: float, quiet: bool = False
    ) -> None:
        """`every`: seconds between two lines where there is no bar."""
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
        """Leave the bar as it is; what is said from now on stands below it."""
        self._bar.stop()

    def at(self, done: float, how_far: str, said: str, *, due: bool = False) -> None:
        """`due`: a line is written however short ago the last one was."""
        self._bar.update(self._task, completed=done, description=how_far, said=said)
        if not self.is_bar and (due or time.monotonic() - self._told_at > self._every):
            self._told_at = time.monotonic()
            self.say(f"{how_far}  {said}")

    def say(self, text: str) -> None:
        _print(self._console, text)


def teller(quiet: bool) -> Say:
    """Says a line on standard error, where no bar is."""
    return partial(_print, _narration(quiet))


def _narration(quiet: bool) -> Console:
    """A console that outlives whoever reads it."""
    from rich.console import Console

    return Console(file=cast(IO[str], ResilientOutput()), quiet=quiet)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
