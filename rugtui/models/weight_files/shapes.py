"""Finds out which axis of each array is which, and whether an unread array could matter."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rugtui.errors import WeightsError
from rugtui.models.weight_files.choice import names_hint, plain_name
from rugtui.models.weight_files.containers import Contents, Entry
from rugtui.models.weight_files.conventions import Candidate, is_harmless

PLAIN = {"W_in": 2, "W_out": 2, "W": 2, "b": 1, "b_in": 1}
"""Number of axes of each array of a single instance."""


def shapes_by_role(
    contents: Contents, chosen: Candidate
) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
    """The shape of each role's array after transposing, and which roles are transposed."""
    shapes, transposed = {}, set()
    for role, name in chosen.roles.items():
        plain = plain_name(contents, name)
        shape = contents.arrays[plain].shape
        if name != plain and len(shape) >= 2:
            shape = (*shape[:-2], shape[-1], shape[-2])
            transposed.add(role)
        shapes[role] = shape
    return shapes, frozenset(transposed)


def instance_axis(
    file: Path, shapes: dict[str, tuple[int, ...]], selectors: list[str]
) -> tuple[int, int | None]:
    """The selected instance, and the number of instances; None without such an axis."""
    matrix = shapes.get("W_in", shapes.get("W", ()))
    has_axis = len(matrix) == 3
    count = matrix[0] if has_axis else 1
    wanted = int(selectors[0]) if selectors else 0 if count == 1 else None
    if wanted is None or not 0 <= wanted < count:
        wrong = "" if wanted is None else f", not {wanted}"
        raise WeightsError(
            f"{file} holds {count} instances: say which one, from 0 to {count - 1}{wrong}; "
            f"{file.name}#0 is the first."
        )
    return wanted, count if has_axis else None


def without_instances(
    file: Path, role: str, shape: tuple[int, ...], count: int | None
) -> tuple[int, ...]:
    if count is None or len(shape) <= PLAIN[role]:
        return shape
    if shape[0] == count:
        return shape[1:]
    if PLAIN[role] == 1 and shape[0] == 1:  # one bias for all
        return shape[1:]
    raise WeightsError(
        f"{role} in {file} must have {count} instances as W does, but it has {shape[0]}."
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    n_sparse: int
    n_dense: int
    """0 if the file has W itself: its rank is computed later."""
    flipped: bool
    """Whether matrices are stored for x @ W_in, and are transposed."""


def sizes_of(
    file: Path, chosen: Candidate, shapes: dict[str, tuple[int, ...]], *, stacked: bool
) -> Sizes:
    """The sizes of the model; `stacked`: there are instances, which have no conventional layout.
    Raises WeightsError if shapes do not fit, or there are not fewer dimensions than features."""
    tied = "W_out" not in shapes
    names = {role: "W" if role == "W_in" and tied else role for role in shapes}
    told = ", ".join(f"{names[role]} {shape}" for role, shape in shapes.items())
    misfit = WeightsError(f"The shapes in {file} do not fit each other: {told}.")
    matrix = shapes.get("W_in", shapes.get("W", ()))
    if len(matrix) != 2 or 0 in matrix:
        raise misfit
    out = shapes.get("W_out", matrix[::-1])
    bias = math.prod(shapes["b"]) if "b" in shapes else 1
    if out != matrix[::-1] or not all(_is_vector(shapes.get(role, ())) for role in ("b", "b_in")):
        raise misfit
    layout = "either" if stacked else chosen.convention.layout
    if "W" in shapes:
        n_sparse, n_dense, flipped = matrix[0], 0, layout == "kernel"
    else:
        if bias > 1:
            flipped = matrix[1] != bias
        elif layout == "either":
            flipped = matrix[0] > matrix[1]
        else:
            flipped = layout == "kernel"
        n_dense, n_sparse = matrix[::-1] if flipped else matrix
        if layout != "either" and flipped != (layout == "kernel") and matrix[0] != matrix[1]:
            raise misfit
    hidden = math.prod(shapes["b_in"]) if "b_in" in shapes else 1
    if bias not in (1, n_sparse) or hidden not in (1, n_dense):
        raise misfit
    if n_dense >= n_sparse:
        other = ""
        if not chosen.explicit and bias == 1 and n_dense > n_sparse:
            roles = chosen.roles.items()
            turned = ",".join(f"{role}={name}{'.T' * (PLAIN[role] - 1)}" for role, name in roles)
            other = f"; if they are stored the other way round: --names {turned}"
        square = ""
        if n_dense == n_sparse:
            square = ", and of square matrices it cannot be told which axis has the features"
        raise WeightsError(
            f"{file} has {n_dense:,} hidden dimensions for {n_sparse:,} features, and this model "
            f"has fewer dimensions than features{square}{other}."
        )
    return Sizes(n_sparse, n_dense, flipped)


def _is_vector(shape: tuple[int, ...]) -> bool:
    """One number or a vector, possibly as a row or a column."""
    return len(shape) <= 2 and sum(size != 1 for size in shape) <= 1 and 0 not in shape


def unread_arrays(
    contents: Contents,
    chosen: Candidate,
    others: list[Candidate],
    sizes: Sizes,
    count: int | None,
    *,
    also: tuple[str, ...] = (),
) -> list[str]:
    """Names of arrays that were not read. `also`: arrays that were read beside the roles. Raises
    WeightsError if the model's output may depend on one."""
    read = {plain_name(contents, name) for name in chosen.roles.values()}
    read |= {chosen.prefix + name for name in also}
    same = [contents.arrays[name].same_as for name in read]
    left = [name for name in contents.arrays if name not in read]
    if chosen.explicit:
        return left
    root = _innermost_common([contents.arrays[name].group for name in read])
    elsewhere = {name for other in others for name in other.roles.values()}
    prefixes = tuple(other.prefix for other in others if other.prefix)
    for name in left:
        if name in elsewhere or name.replace("/", ".").startswith(prefixes):
            continue
        entry = contents.arrays[name]
        if is_harmless(name) or (entry.same_as is not None and _alias(entry, same)):
            continue
        inside = not root or entry.group == root or entry.group.startswith(root + ".")
        if why := _could_matter(entry, sizes, count, inside):
            raise WeightsError(
                f"{name} {entry.shape} in {contents.path} is left over, and it could be {why}; if "
                f"it plays no part, say so: {names_hint(chosen)}"
            )
    return left


def _alias(entry: Entry, same: list[Any]) -> bool:
    """Whether an array shares the numbers of one that was read, possibly transposed."""
    turned = entry.same_as
    if isinstance(turned, tuple):
        storage, offset, shape, stride = turned
        turned = storage, offset, shape[::-1], stride[::-1]
    return entry.same_as in same or turned in same


def _innermost_common(groups: list[str]) -> str:
    """The innermost container of all of these."""
    steps = zip(*(group.split(".") if group else [] for group in groups), strict=False)
    return ".".join(
        step[0] for step in itertools.takewhile(lambda step: len(set(step)) == 1, steps)
    )


def _could_matter(entry: Entry, sizes: Sizes, count: int | None, inside: bool) -> str:
    """What an unread array might be in the model; empty if nothing."""
    shape = entry.shape[1:] if count is not None and entry.shape[:1] == (count,) else entry.shape
    shape = tuple(size for size in shape if size != 1)
    integral = entry.dtype.lower().lstrip("<>|=").startswith(("int", "uint", "i", "u"))
    if 0 in shape or (integral and len(shape) < 2) or re.match("of type .[USMm]", entry.unreadable):
        return ""
    if not shape:
        return "a scale" if inside and not entry.unreadable else ""
    if len(shape) == 1:
        features, hidden = "a bias or a scale of features", "a bias of hidden units"
        return {sizes.n_sparse: features, sizes.n_dense: hidden}.get(shape[0], "")
    return "another layer" if set(shape) & {sizes.n_sparse, sizes.n_dense} else ""
