"""A snapshot: the weights and numbers that the dashboard showed at one step.

`snapshots/<step>-<kind>/` contains weights.safetensors (those shown), history.csv, heatmap.png,
screen.svg and snapshot.json, for people and other programs; and checkpoint-<step>.safetensors and
history.jsonl, from which training can continue.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import DamagedError
from rugtui.models.dense import Dense
from rugtui.settings.settings import EXTRA
from rugtui.storage import tensors
from rugtui.storage.checkpoint import write_checkpoint
from rugtui.storage.checkpoint_writer import RunState
from rugtui.storage.files import (
    make_folder,
    open_plain,
    read_json,
    whole_folder,
    write_json,
    write_whole,
)
from rugtui.storage.heatmap import SIDE_MOST, Colours, heatmap_png
from rugtui.storage.history_file import HistoryFile
from rugtui.storage.run_directory import SNAPSHOT as ABOUT
from rugtui.storage.run_directory import SNAPSHOTS, provenance
from rugtui.theory.levels import levels
from rugtui.vocabulary import UNITS

WEIGHTS = "weights.safetensors"


def write_snapshot(
    run: Path,
    state: RunState,
    *,
    kind: str,
    weights: Dense,
    facts: dict[str, Any],
    screen_svg: str = "",
    colours: Colours | None = None,
) -> Path:
    """Write a snapshot into a run, as a whole or not at all, and return its folder. Raises OSError.

    `weights` are those shown, trained or rug. snapshot.json contains digests of the other files.
    """
    step, settings = state.checkpoint.step, state.checkpoint.settings
    folder = make_folder(run / SNAPSHOTS) / f"{step:08d}-{kind}"
    about = {
        "kind": kind,
        "step": step,
        "settings": settings.as_dict(),
        "units": UNITS,
        "theory": dataclasses.asdict(levels(settings.ratio, settings.p_on, settings.magnitude)),
        **facts,
    }
    with whole_folder(folder) as aside:
        write_whole(aside / WEIGHTS, weights_bytes(weights, {"kind": kind, "step": step}))
        write_whole(aside / "history.csv", table_bytes(state.past.columns, state.past.table))
        if colours is not None and weights.n_sparse <= SIDE_MOST:
            title = f"{kind} step {step}"
            write_whole(aside / "heatmap.png", heatmap_png(weights, colours, title))
        if screen_svg:
            write_whole(aside / "screen.svg", screen_svg.encode())
        HistoryFile(aside).bring_up_to(state.past)
        checkpoint = state.checkpoint
        write_checkpoint(aside, checkpoint)
        written = sorted(aside.iterdir())
        files = {path.name: _digest(path) for path in written}
        sizes = {path.name: path.stat().st_size for path in written}
        known = provenance(checkpoint.device, checkpoint.state.facts.get("threads"))
        known |= {**about, "files": files, "sizes": sizes}
        write_json(aside / ABOUT, known)
    return folder


def read_snapshot(folder: Path) -> dict[str, Any]:
    """The content of snapshot.json, after checking the digests of the other files. Raises OSError,
    DamagedError."""
    facts = read_json(folder / ABOUT)
    tensors.refuse_newer(folder / ABOUT, facts)
    sizes = facts.get("sizes", {})  # bytes; older snapshots have none
    for name, digest in facts.get("files", {}).items():
        if Path(name).name != name:
            raise DamagedError(folder / ABOUT, "it names files outside its folder")
        path = folder / name
        # the size first, because reading a huge sparse file may take hours
        if path.stat().st_size != sizes.get(name, path.stat().st_size) or _digest(path) != digest:
            raise DamagedError(path, "it was changed after it was written")
    return facts


def weights_bytes(weights: Dense, facts: dict[str, Any] | None = None) -> bytes:
    """W_in (n_dense, n_sparse), W_out (n_sparse, n_dense), b (n_sparse,) and parameters of the
    activation, as safetensors."""
    return tensors.pack(named_arrays(weights), facts or {})


def named_arrays(weights: Dense) -> dict[str, Tensor]:
    """The arrays by their names in files."""
    named = {"W_in": weights.W_in, "W_out": weights.W_out, "b": weights.b}
    extra = () if weights.extra is None else weights.extra
    names = next((names for names in EXTRA.values() if len(names) == len(extra)), ())
    return named | dict(zip(names, extra, strict=True))


def read_weights(folder: Path) -> Dense:
    """The weights of a snapshot. Raises OSError, DamagedError, WeightsError."""
    found, _ = tensors.read(folder / WEIGHTS)
    try:
        extra = [
            torch.stack([found[name] for name in names])
            for names in EXTRA.values()
            if found.keys() >= set(names)
        ]
        return Dense(found["W_in"], found["W_out"], found["b"], *extra)
    except KeyError as error:
        raise DamagedError(folder / WEIGHTS, f"it has no {error}") from error


def _digest(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def table_bytes(columns: tuple[str, ...], table: Float[np.ndarray, "columns results"]) -> bytes:
    """A table as CSV with full precision; NaN is an empty field."""
    lines = io.StringIO()
    lines.write(",".join(columns) + "\n")
    for row in table.T.tolist():
        lines.write(",".join("" if value != value else repr(value) for value in row) + "\n")
    return lines.getvalue().encode()
