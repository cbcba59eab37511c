"""Weights from files, whoever wrote them: three ways to name arrays, either way to lie them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.dense import Dense
from rugtui.models.memory import require_memory
from rugtui.models.weight_files.arrays import read_arrays


@dataclass(frozen=True, slots=True)
class Naming:
    """The names that somebody gives to the arrays of y = ReLU(W_out (W_in x + b_in) + b).

    Without `W_out` the weights are tied; biases may be absent, and are then zero.
    """

    W_in: str
    W_out: str = ""
    b: tuple[str, ...] = ()
    b_in: tuple[str, ...] = ()

    def roles(self, names: Collection[str], prefix: str) -> dict[str, str]:
        """{role: name} of those that are there under `prefix`; empty unless the weights are."""
        needed = {"W_in": self.W_in} | ({"W_out": self.W_out} if self.W_out else {})
        found = {role: prefix + name for role, name in needed.items() if prefix + name in names}
        if len(found) < len(needed):
            return {}
        for role, biases in ("b", self.b), ("b_in", self.b_in):
            if there := [prefix + name for name in biases if prefix + name in names]:
                found[role] = there[0]
        return found


NAMINGS = (
    Naming("W_in", "W_out", b=("b", "b_final", "b_out"), b_in=("b_in",)),
    Naming(
        "initial_layer.weight",
        "final_layer.weight",
        b=("final_layer.bias",),
        b_in=("initial_layer.bias",),
    ),
    # Elhage et al. 2022: y = ReLU(Wᵀ W x + b_final)
    Naming("W", b=("b_final", "b")),
)


NAME_SHOWN = 60
"""Letters of a name that a sentence shows."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Weights as a file has them."""

    weights: Dense
    tied: bool
    """Whether the file has one matrix for both."""
    bias: bool
    """Whether it has any bias."""


def read_weights(path: str | Path, *, instance: int | None = None) -> Dense:
    """The weights in a file, as `read_foreign` reads them."""
    return read_foreign(path, instance=instance).weights


def read_foreign(path: str | Path, *, instance: int | None = None) -> Foreign:
    """The weights in a .npz, .safetensors or .pt file, in single precision on the CPU.

    Names: W_in, W_out, b; initial_layer.weight, final_layer.weight, final_layer.bias; or W,
    b_final; each also under a common prefix. Which axis has the features is told by the bias, or
    else by being the longer. Of a file with a leading axis of instances, `instance` says which, or
    else the path itself: weights.pt#2. Raises WeightsError, one sentence, for whatever is wrong
    with the file. Nothing is unpickled.
    """
    path, instance = _parted(Path(path), instance)
    arrays = read_arrays(path, lambda names: _choose(path, names))
    for name, array in arrays.items():
        _require_real(path, name, array)
    arrays = _one_instance(path, arrays, instance)
    arrays = {name: array.float() for name, array in arrays.items()}
    for name, array in arrays.items():
        if not array.isfinite().all():
            raise WeightsError(f"{name} in {path} has numbers that are NaN or infinite.")
    bias = "b" in arrays or "b_in" in arrays
    return Foreign(_assembled(path, **arrays), tied="W_out" not in arrays, bias=bias)


def _parted(path: Path, instance: int | None) -> tuple[Path, int | None]:
    """The file's path, and which instance in it is meant."""
    file, mark, number = str(path).rpartition("#")
    if mark and instance is None and number.isdecimal() and not path.exists():
        return Path(file), int(number)
    return path, instance


def _choose(path: Path, names: list[str]) -> dict[str, str]:
    """Which arrays to read, the shortest prefix first."""
    there = set(names)
    for naming in NAMINGS:
        prefixes = {name.removesuffix(naming.W_in) for name in names if name.endswith(naming.W_in)}
        for prefix in sorted(prefixes, key=len):
            if roles := naming.roles(there, prefix):
                return roles
    shown = ", ".join(name[:NAME_SHOWN] for name in sorted(names)[:12]) + (
        ", …" if len(names) > 12 else ""
    )
    raise WeightsError(
        f"{path} needs arrays named W_in, W_out, b, or initial_layer.weight, final_layer.weight, "
        f"final_layer.bias, or W, b_final, but it has {shown or 'none'}."
    )


def _require_real(path: Path, name: str, array: Tensor) -> None:
    plain = array.layout == torch.strided and not (array.is_meta or array.is_quantized)
    if array.is_complex() or array.dtype == torch.bool or not plain:
        kind = f"{array.dtype}" if plain else f"{array.dtype}, {array.layout} on {array.device}"
        raise WeightsError(f"{name} in {path} must hold real numbers, but they are {kind}.")
    # A tensor may claim more cells than it has storage: a stride of 0 costs the file nothing.
    require_memory(8 * array.numel(), f"{name} in {path}, {tuple(array.shape)},")


def _one_instance(path: Path, arrays: dict[str, Tensor], instance: int | None) -> dict[str, Tensor]:
    """Without the leading axis of instances, where there is one."""
    count = len(arrays["W_in"]) if arrays["W_in"].ndim == 3 else 1
    if instance is None and count == 1:
        instance = 0
    if instance is None or not 0 <= instance < count:
        wrong = "" if instance is None else f", not {instance}"
        raise WeightsError(
            f"{path} holds {count} instances: say which one, from 0 to {count - 1}{wrong}; "
            f"{path.name}#0 is the first."
        )
    if arrays["W_in"].ndim != 3:
        return arrays
    plain = {"W_in": 2, "W_out": 2, "b": 1, "b_in": 1}
    chosen = {}
    for name, array in arrays.items():
        carries = array.ndim == plain[name] + 1
        if carries and len(array) != count:
            raise WeightsError(
                f"{name} in {path} must have {count} instances as W does, but it has {len(array)}."
            )
        chosen[name] = array[instance] if carries else array
    return chosen


def _assembled(
    path: Path,
    W_in: Float[Tensor, "*any"],
    W_out: Float[Tensor, "*any"] | None = None,
    b: Float[Tensor, "*any"] | None = None,
    b_in: Float[Tensor, "*any"] | None = None,
) -> Dense:
    """`Dense` from arrays whose shapes are not known to fit. Raises WeightsError."""
    tied = W_out is None
    if tied:
        W_out = W_in.mT if W_in.ndim == 2 else W_in
    shapes = {"W" if tied else "W_in": W_in, "W_out": None if tied else W_out, "b": b, "b_in": b_in}
    misfit = WeightsError(
        f"The shapes in {path} do not fit each other: "
        + ", ".join(f"{name} {tuple(x.shape)}" for name, x in shapes.items() if x is not None)
        + "."
    )
    if W_in.ndim != 2 or W_in.numel() == 0 or W_out.shape != W_in.shape[::-1]:
        raise misfit
    rows, columns = W_in.shape
    n_sparse = len(b) if b is not None and b.numel() > 1 and b.ndim == 1 else max(rows, columns)
    if tied and rows == columns:
        raise WeightsError(
            f"W in {path} is {rows} × {columns}: whether its rows are features cannot be told; "
            "store W_in (n_dense, n_sparse) and W_out."
        )
    if columns != n_sparse:  # stored as features × hidden, for x @ W_in
        W_in, W_out = W_in.mT, W_out.mT
    n_dense = len(W_in)
    if W_in.shape[1] != n_sparse:
        raise misfit
    bias = _vector(b, n_sparse)
    hidden = _vector(b_in, n_dense)
    if bias is None or hidden is None:
        raise misfit
    # A bias on the hidden layer is one on the output: W_out (W_in x + b_in) + b
    return Dense(W_in, W_out, bias + W_out @ hidden)


def _vector(bias: Float[Tensor, "*any"] | None, length: int) -> Float[Tensor, " length"] | None:
    """A bias of this length: absent is zero, a single number is the same for all; else None."""
    if bias is None:
        return torch.zeros(length)
    if bias.numel() == 1:
        return bias.reshape(1).repeat(length)
    return bias if bias.shape == (length,) else None
