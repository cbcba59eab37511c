"""The table of a sweep: a row for each cell and kind, as Parquet, CSV and JSON lines."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from rugtui import __version__
from rugtui.errors import DamagedError
from rugtui.storage.files import plain, write_whole
from rugtui.sweeps.grid import Kind, Variant
from rugtui.vocabulary import NAMES as VOCABULARY
from rugtui.vocabulary import SCHEMA_VERSION

if TYPE_CHECKING:
    import pyarrow

PARQUET, CSV = "results.parquet", "results.csv"
Status = Literal["done", "failed"]
Key = tuple[int, int, float, Kind, int | None, Variant | None]
"""n_sparse, n_dense, p, kind, seed and variant, which identify a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell and kind. Losses are per feature; None stands for what this kind does not have.

    Statistics have the names that they have in `rugtui.analysis.statistics.Statistics`.
    """

    n_sparse: int
    n_dense: int
    ratio: float
    """n_dense / n_sparse, after rounding."""
    p: float
    kind: Kind
    method: str | None = None
    """sgd or population, if the weights were trained."""
    seed: int | None = None
    """None for theory and linear, which are formulas."""
    status: Status = "done"
    error: str | None = None
    """Why a failed cell failed."""
    loss: float | None = None
    """trained and rug: on fresh samples; theory: L*; linear: that of the best linear model."""
    standard_error: float | None = None
    """Of `loss`; 0 if that is a formula."""
    loss_gaussian: float | None = None
    loss_exact: float | None = None
    loss_exact_standard_error: float | None = None
    """0 if all rows of W were used."""
    theory_loss: float | None = None
    """L*(ratio, p), in every row."""
    linear: float | None = None
    elementwise: float | None = None
    oracle: float | None = None
    diagonal_mean: float | None = None
    diagonal_spread: float | None = None
    bias_mean: float | None = None
    bias_spread: float | None = None
    noise_mean: float | None = None
    noise_spread: float | None = None
    skew: float | None = None
    interferers: float | None = None
    lyapunov: float | None = None
    kolmogorov_smirnov: float | None = None
    antisymmetric_share: float | None = None
    coherence: float | None = None
    pairs_share: float | None = None
    lopsidedness: float | None = None
    singles_share: float | None = None
    abandoned_share: float | None = None
    partners: float | None = None
    partner_mean: float | None = None
    partner_norm_share: float | None = None
    rows: int | None = None
    """Rows of W used for the exact loss and the statistics that are taken over rows."""
    delta_diag: float | None = None
    """This and the next five are `rugtui.analysis.paper.PaperStatistics`, of all rows of W."""
    delta_b: float | None = None
    delta_var_nu: float | None = None
    delta_mean_nu: float | None = None
    lambda_max: float | None = None
    p_ks: float | None = None
    samples: int | None = None
    steps: int | None = None
    seconds: float | None = None
    """This cell's share of the time of its batch."""
    device: str | None = None
    bias: bool | None = None
    """This and the next three are the Variant of the kind trained."""
    tied: bool | None = None
    activation: str | None = None
    data: str | None = None
    lr: float | None = None
    batch: int | None = None
    k: int | None = None
    weights: str | None = None
    """File of the weights in the sweep's folder, if they were saved."""
    traceback: str | None = None
    """Of an unexpected error that made the cell fail."""

    @property
    def key(self) -> Key:
        return self.n_sparse, self.n_dense, self.p, self.kind, self.seed, self.variant

    @property
    def variant(self) -> Variant | None:
        if self.bias is None or self.tied is None or not self.activation or not self.data:
            return None
        return Variant(self.bias, self.tied, self.activation, self.data)

    @property
    def name(self) -> str:
        """The cell in words."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        words = f", {self.variant.words}" if self.variant and self.variant.words else ""
        return f"{self.kind} {self.n_sparse} × {self.n_dense}, p {self.p:.6g}{seed}{words}"

    def table_row(self) -> dict[str, Any]:
        """`as_dict` with the DERIVED columns."""
        loss_kind = {"theory": "optimum", "linear": "linear"}.get(self.kind, "heldout")
        usual = "hadamard" if self.n_sparse & (self.n_sparse - 1) == 0 else "dct"
        return self.as_dict() | {
            "loss_standard_error": self.standard_error,
            "loss_kind": None if self.loss is None else loss_kind,
            "construction": usual if self.kind == "rug" else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers that are not finite are None."""
        return plain(dataclasses.asdict(self))


TYPES: dict[str, type] = {
    name: next((kind for kind in get_args(hint) if kind is not types.NoneType), hint)
    if get_args(hint) and types.NoneType in get_args(hint)
    else (str if get_args(hint) else hint)
    for name, hint in get_type_hints(Row).items()
}
"""int, float, bool or str by column."""
COLUMNS = tuple(TYPES)
DERIVED: dict[str, type] = {"loss_standard_error": float, "loss_kind": str, "construction": str}
"""Columns computed from others; `standard_error` is the older name of the first."""
TABLE_TYPES = TYPES | DERIVED


def row_of(facts: dict[str, Any], path: Path) -> Row:
    """A row from JSON. Raises DamagedError."""
    if facts.get("kind") == "trained" and facts.get("bias") is None:  # of version 0.1
        facts = facts | (
            {"kind": "population"}
            if facts.get("method") == "population"
            else dataclasses.asdict(Variant())
        )
    try:
        return Row(**{name: facts[name] for name in COLUMNS if name in facts})
    except TypeError as error:
        raise DamagedError(path, "a row does not say which cell it is") from error


def write_tables(
    folder: Path, rows: Sequence[Row], settings: Mapping[str, Any] | None = None
) -> None:
    """Write results.parquet, with the sweep's settings as metadata, and results.csv. Raises
    OSError."""
    write_whole(folder / CSV, csv_bytes(rows))
    write_whole(folder / PARQUET, parquet_bytes(rows, settings))


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """With all digits; None is empty. A row is one line: line ends in a traceback become \\n."""
    text = io.StringIO()
    writer = csv.DictWriter(text, tuple(TABLE_TYPES), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        facts = row.table_row()
        writer.writerow(facts | {"traceback": (row.traceback or "").replace("\n", "\\n") or None})
    return text.getvalue().encode()


def parquet_bytes(rows: Sequence[Row], settings: Mapping[str, Any] | None = None) -> bytes:
    import pyarrow
    import pyarrow.parquet

    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(_arrow(rows, settings or {}), buffer)
    return buffer.getvalue().to_pybytes()


def _arrow(rows: Sequence[Row], settings: Mapping[str, Any]) -> pyarrow.Table:
    """With the unit and meaning of each column as metadata."""
    import pyarrow

    named = {
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        str: pyarrow.string(),
    }
    columns = [
        pyarrow.field(name, named[kind], metadata=_described(name))
        for name, kind in TABLE_TYPES.items()
    ]
    about = {"rugtui": __version__, "schema_version": SCHEMA_VERSION, "settings": dict(settings)}
    schema = pyarrow.schema(columns, {"rugtui": json.dumps(about)})
    return pyarrow.Table.from_pylist([row.table_row() for row in rows], schema=schema)


def _described(name: str) -> dict[str, str]:
    known = VOCABULARY.get(name)
    return {"unit": known.unit, "meaning": known.meaning} if known else {}
