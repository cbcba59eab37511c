"""A snapshot: what was shown at one step, for people and for programs.

`snapshots/<step>-<kind>/`: weights.safetensors, snapshot.json, history.csv, screen.svg.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.torch import save

from rugtui.config import Settings
from rugtui.runs.directory import provenance
from rugtui.runs.files import make_folder, write_json, write_whole
from rugtui.weights.dense import Dense

UNITS = {
    "loss": "mean squared error per feature",
    "step": "optimizer steps",
    "seconds": "seconds of training",
    "lr": "learning rate",
    "p": "probability that a feature is on",
}


def write_snapshot(
    run: Path,
    *,
    step: int,
    kind: str,
    weights: Dense,
    settings: Settings,
    device: str,
    facts: dict[str, Any],
    columns: tuple[str, ...],
    history: Float[np.ndarray, "columns results"],
    screen_svg: str = "",
) -> Path:
    """Write one snapshot below a run and return its folder. Raises OSError.

    snapshot.json is written last: a folder that has it is whole.
    """
    folder = make_folder(run / "snapshots" / f"{step:08d}-{kind}")
    write_whole(folder / "weights.safetensors", weights_bytes(weights))
    write_whole(folder / "history.csv", table_bytes(columns, history))
    if screen_svg:
        write_whole(folder / "screen.svg", screen_svg.encode())
    about = {"step": step, "kind": kind, "settings": settings.as_dict(), "units": UNITS}
    write_json(folder / "snapshot.json", {**provenance(device), **about, **facts})
    return folder


def weights_bytes(weights: Dense) -> bytes:
    """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense) and b (n_sparse,) as safetensors."""
    named = {"W_in": weights.W_in, "W_out": weights.W_out, "b": weights.b}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in named.items()})


def table_bytes(columns: tuple[str, ...], table: Float[np.ndarray, "columns results"]) -> bytes:
    """A table as comma-separated values with all digits; NaN is an empty cell."""
    lines = io.StringIO()
    lines.write(",".join(columns) + "\n")
    for row in table.T.tolist():
        lines.write(",".join("" if value != value else repr(value) for value in row) + "\n")
    return lines.getvalue().encode()
