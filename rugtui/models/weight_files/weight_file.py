"""Reads weights from a file of any origin.

A file is opened (`containers`), weights are found by the names of arrays (`conventions`), their
shapes are checked (`shapes`), and ambiguous files are refused: with several sets of weights, or
with unread arrays on which the output could depend.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import require_memory
from rugtui.models.dense import Dense
from rugtui.models.weight_files.archive import split_selectors
from rugtui.models.weight_files.choice import (
    LETTERS_SHOWN,
    chosen_weights,
    listed,
    plain_name,
    require_plain,
)
from rugtui.models.weight_files.containers import OBJECTS, Contents, errors_explained, open_contents
from rugtui.models.weight_files.conventions import (
    ACTIVATIONS,
    Candidate,
    StatedSettings,
    stated_settings,
)
from rugtui.models.weight_files.shapes import (
    PLAIN,
    Sizes,
    instance_axis,
    shapes_by_role,
    sizes_of,
    unread_arrays,
    without_instances,
)
from rugtui.settings.settings import EXTRA, Activation


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The weights in a file, and how they were read."""

    weights: Dense
    tied: bool
    """Whether the file has one matrix for both."""
    bias: bool
    """Whether it has a bias."""
    report: str
    """Which arrays were read as what, and which were not read."""
    all_read: bool
    """Whether all arrays were read."""
    said: StatedSettings
    """What the file says of activation and p."""


def read_weights(path: str | Path, *, instance: int | None = None) -> Dense:
    """The weights in a file, as `read_weight_file` reads them."""
    return read_weight_file(path, instance=instance).weights


def read_weight_file(path: str | Path, *, instance: int | None = None) -> WeightFile:
    """The weights in a file, in single precision on the CPU.

    The path may end in #CANDIDATE, to choose one of several; in #2, for the third of several
    instances along a leading axis; or in #W_in=NAME,W_out=NAME,b=NAME, to name the arrays (.T after
    a name transposes it). Raises WeightsError, one sentence, for anything wrong or ambiguous in the
    file. Nothing is unpickled.
    """
    file, selectors = split_selectors(path)
    if instance is not None:
        selectors.append(str(instance))
    contents = open_contents(file)
    chosen, others = chosen_weights(contents, selectors)
    said = stated_settings(contents.facts)
    if not chosen.explicit:
        require_plain(contents, chosen, said)
    for role, name in chosen.roles.items():
        _require_numbers(contents, role, plain_name(contents, name))
    shapes, transposed = shapes_by_role(contents, chosen)
    picked, count = instance_axis(file, shapes, selectors)
    shapes = {role: without_instances(file, role, shape, count) for role, shape in shapes.items()}
    sizes = sizes_of(file, chosen, shapes, stacked=count is not None)
    learned = _learned(contents, chosen, sizes, said)
    extra = EXTRA.get(learned, ())
    left = unread_arrays(contents, chosen, others, sizes, count, also=extra)
    arrays = {}
    for role, name in chosen.roles.items():
        array = _read(contents, role, plain_name(contents, name))
        if array.ndim > PLAIN[role] and count is not None and len(array) == count:
            array = array[picked]
        arrays[role] = array.mT if role in transposed else array
    weights = _assembled(file, chosen, arrays, sizes)
    if learned:
        said = dataclasses.replace(said, activation=learned)
        rows = [_read(contents, "activation", chosen.prefix + name) for name in extra]
        weights = dataclasses.replace(weights, extra=torch.stack(rows))
    tied = "W_out" not in chosen.roles and "W" not in chosen.roles
    bias = "b" in chosen.roles or "b_in" in chosen.roles
    report = _report(contents, chosen, left, weights, transposed)
    report += f"; {' and '.join(extra)} of the activation {learned}" if extra else ""
    return WeightFile(weights, tied, bias, report, not left, said)


def _learned(
    contents: Contents, chosen: Candidate, sizes: Sizes, said: StatedSettings
) -> Activation | Literal[""]:
    """The activation whose parameters are beside the weights, unless the file names another."""
    for activation, names in EXTRA.items():
        there = [contents.arrays.get(chosen.prefix + name) for name in names]
        fits = all(entry is not None and entry.shape == (sizes.n_sparse,) for entry in there)
        if fits and said.activation in (None, activation) and not said.other_activation:
            return ACTIVATIONS[activation]
    return ""


def _require_numbers(contents: Contents, role: str, name: str) -> None:
    """Refuse an array that is not of plain numbers, with a line of Python that converts it."""
    unreadable = contents.arrays[name].unreadable
    if unreadable:
        convertible = unreadable == OBJECTS or "sparse" in unreadable
        how = f"; if you trust it: {contents.conversion}" if convertible else "."
        raise WeightsError(
            f"{name} ({role}) in {contents.path} must hold plain real numbers, but it is "
            f"{unreadable}{how}"
        )


def _read(contents: Contents, role: str, name: str) -> Tensor:
    """An array in single precision. Raises WeightsError unless it holds finite real numbers."""
    file, entry = contents.path, contents.arrays[name]
    what = f"{name} in {file}" if name == role else f"{name} as {role} in {file}"
    with errors_explained(file):
        array = entry.read()
    if array.is_complex() or array.dtype == torch.bool:
        raise WeightsError(f"{what} must hold real numbers, but they are {array.dtype}.")
    require_memory(8 * array.numel(), f"{what}, {tuple(array.shape)},")
    array = array.float()
    if not array.isfinite().all():
        raise WeightsError(f"{what} has numbers that are NaN or infinite.")
    return array


def _assembled(file: Path, chosen: Candidate, arrays: dict[str, Tensor], sizes: Sizes) -> Dense:
    n_sparse = sizes.n_sparse
    if "W" in arrays:
        W = arrays["W"].mT if sizes.flipped else arrays["W"]
        if chosen.convention.layout == "either" and not chosen.explicit:
            _require_symmetric(file, chosen, W)
        W_in, W_out = factors(file, W)
    else:
        W_in = arrays["W_in"].mT if sizes.flipped else arrays["W_in"]
        W_out = arrays.get("W_out", arrays["W_in"].mT)
        W_out = W_out.mT if sizes.flipped else W_out
    n_dense = len(W_in)
    bias = _vector(arrays.get("b"), n_sparse)
    if "b_in" in arrays:
        # A bias on the hidden layer is one on the output: W_out (W_in x + b_in) + b
        bias = bias + W_out @ _vector(arrays["b_in"], n_dense)
    return Dense(W_in, W_out, bias)


def _vector(bias: Tensor | None, length: int) -> Float[Tensor, " length"]:
    """A bias of this length: zero if absent; a single number is repeated."""
    if bias is None:
        return torch.zeros(length)
    return bias.reshape(1).repeat(length) if bias.numel() == 1 else bias.reshape(length)


def _require_symmetric(
    file: Path, chosen: Candidate, W: Float[Tensor, "n_sparse n_sparse"]
) -> None:
    """Refuse a W that is not symmetric: nothing says which axis is the output."""
    name, rest = chosen.roles["W"], {k: v for k, v in chosen.roles.items() if k != "W"}
    if torch.allclose(W, W.mT, rtol=1e-4, atol=1e-5 * float(W.abs().max())):
        return
    more = "".join(f",{role}={array}" for role, array in rest.items())
    raise WeightsError(
        f"{name} in {file} is {len(W)} × {len(W)}: whether its rows are outputs (y = W x) or its "
        f"columns (y = x W) cannot be told; say --names W={name}{more} or --names W={name}.T{more}"
    )


def factors(
    file: Path, W: Float[Tensor, "n_sparse n_sparse"]
) -> tuple[Float[Tensor, "n_dense n_sparse"], Float[Tensor, "n_sparse n_dense"]]:
    """W_in and W_out of equal norm with W_out W_in = W, where n_dense is the rank of W. Raises
    WeightsError if the rank is n_sparse: then there is no hidden layer."""
    n_sparse = len(W)
    require_memory(32 * n_sparse**2, f"W in {file}, {n_sparse} × {n_sparse},")
    left, sizes, right = torch.linalg.svd(W.double())
    # Rounding to single precision leaves singular values of about √n ε
    rank = int((sizes > 4 * math.sqrt(n_sparse) * 2**-23 * sizes[0]).sum())
    if not 0 < rank < n_sparse:
        raise WeightsError(
            f"W in {file} is {n_sparse} × {n_sparse} of rank {rank}, so that its hidden dimensions "
            "cannot be told: this model has fewer dimensions than features, and some."
        )
    root = sizes[:rank].sqrt()
    return (root[:, None] * right[:rank]).float(), (left[:, :rank] * root).float()


def _report(
    contents: Contents,
    chosen: Candidate,
    left: list[str],
    weights: Dense,
    transposed: frozenset[str],
) -> str:
    """Which arrays were read as what, and which were not read."""
    parts = []
    for role, name in chosen.roles.items():
        shape = " × ".join(map(str, contents.arrays[plain_name(contents, name)].shape))
        turned = ", transposed" if role in transposed else ""
        parts.append(f"{role} from {name[:LETTERS_SHOWN]} ({shape or 'one number'}{turned})")
    text = f"{contents.path.name}: {', '.join(parts)}"
    if "W" in chosen.roles:
        text += f", of rank {weights.n_dense}"
    if "b_in" in chosen.roles:
        text += ", with no activation on the hidden layer"
    if "b" not in chosen.roles and "b_in" not in chosen.roles:
        text += ", no bias"
    return text + (f"; left over: {listed(left)}" if left else "; nothing left over")
