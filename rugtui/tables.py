"""Columns by name: what the Python API returns where there is more than one number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rugtui.errors import RugtuiError

if TYPE_CHECKING:
    import numpy as np
    import pandas

SHOWN = 8
"""Rows that `repr` shows."""


class Table(Mapping[str, Any]):
    """Columns of equal shape, also as attributes; in a table of shape () each is one number.

    >>> table = Table({"step": [1, 2], "loss": [0.5, 0.25]})
    >>> table["loss"], table.step.tolist(), len(table.rows)
    (array([0.5 , 0.25]), [1, 2], 2)
    """

    __slots__ = ("_columns", "shape")

    def __init__(self, columns: Mapping[str, Any]) -> None:
        """Columns broadcast against each other. Raises ValueError where they cannot."""
        import numpy as np

        arrays = [np.asarray(column) for column in columns.values()]
        broadcast = np.broadcast_arrays(*arrays) if arrays else []
        self.shape: tuple[int, ...] = broadcast[0].shape if arrays else (0,)
        self._columns: dict[str, np.ndarray] = dict(zip(columns, broadcast, strict=True))

    def __getitem__(self, name: str) -> Any:
        column = self._columns[name]
        return column if self.shape else column.item()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._columns:
            return self[name]
        known = ", ".join(self._columns) if not name.startswith("_") else ""
        raise AttributeError(f"there is no column {name!r}; there are {known}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns, as for any mapping; `len(table.rows)` is the number of rows."""
        return len(self._columns)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict of plain Python values for each row."""
        columns = [column.ravel().tolist() for column in self._columns.values()]
        return [dict(zip(self._columns, row, strict=True)) for row in zip(*columns, strict=True)]

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with a row for each entry. Raises RugtuiError if pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise RugtuiError(
                "to_pandas() needs pandas, which is not installed; `pip install 'rugtui[pandas]'`."
            ) from error
        return pandas.DataFrame({name: column.ravel() for name, column in self._columns.items()})

    def __eq__(self, other: object) -> bool:
        """Whether names and values are the same; gaps (NaN) equal gaps."""
        if not isinstance(other, Table):
            return NotImplemented
        return list(self) == list(other) and all(
            mine.shape == theirs.shape and all(map(_same, mine.flat, theirs.flat))
            for mine, theirs in zip(self._columns.values(), other._columns.values(), strict=True)
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        if not self.shape:
            facts = ", ".join(f"{name}={_short(self[name])}" for name in self)
            return f"Table({facts})"
        rows = self.rows
        shown = [list(self), *([_short(value) for value in row.values()] for row in rows[:SHOWN])]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        lines = ["  ".join(map(str.rjust, line, widths)) for line in shown]
        more = [f"… {len(rows) - SHOWN:,} more rows"] if len(rows) > SHOWN else []
        return "\n".join([*lines, *more, f"[{len(rows):,} rows × {len(self)} columns]"])


def _same(mine: Any, theirs: Any) -> bool:
    return bool(mine == theirs) or (_is_nan(mine) and _is_nan(theirs))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
