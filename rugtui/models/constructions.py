"""Weights constructed without training: rugs with the statistics of the symmetric optimum, and
structures.

Of all W of rank n_dense with a given diagonal, scaled projections have the least noise (section 4).
Each rug here is one: n_dense orthogonal rows with entries of mean square 1 as W_in, and
W_out = (a/n_dense) W_inᵀ, so that the diagonal is a on average, whatever the rows are.

All have the Gaussian loss L*, and their true loss is close to it where interference is a sum of
many small terms (section 6): hadamard, orthonormal, dct and block. The first rows of H in natural
or sequency order show the pure fractal, and a sampled loss of 4 L* at r = 0.25, p = 0.05, and 28 L*
at p = 0.01.

Structured weights (`structure_builder`, section 12) are below L*: pairs, simplex:k, vote:K,
lopsided pairs, features in an order of priority, and best, the mixture of lowest loss.
"""

from __future__ import annotations

import math
from typing import get_args

import torch

from rugtui.errors import UsageError, WeightsError
from rugtui.models.base import Weights, is_power_of_two, require_dense, require_memory
from rugtui.models.composite import BlockDiagonal, DirectSum, Simplex, simplex_corners
from rugtui.models.dense import Dense
from rugtui.models.mixtures import best, parts_of
from rugtui.models.orthogonal_rows import cosine_rows, entries, orthonormal_rows
from rugtui.models.rug import RowOrder, Rug
from rugtui.models.structure_builder import Constructed, Part, StructureBuilder, Tune
from rugtui.settings.settings import Construction
from rugtui.theory.optimum import optimum
from rugtui.theory.structures import NONE, Structure

ROW_ORDERS: dict[Construction, RowOrder] = {
    "hadamard": "random",
    "natural": "natural",
    "sequency": "sequency",
}

CONSTRUCTIONS = (
    *get_args(Construction),
    *("pairs", "simplex:3", "vote:4", "vote:7", "lopsided", "priority", "best"),
)
"""The constructions that `f` in the dashboard cycles through."""
COPIES_OF_DENSE_ROWS = 4
"""Float64 arrays of n_dense × n_sparse numbers that building one needs at once."""


def default_construction(n_sparse: int) -> Construction:
    """Random rows of H, or of the cosine transform if n_sparse is not a power of two."""
    return "hadamard" if is_power_of_two(n_sparse) else "dct"


def checked_name(name: str) -> str:
    """Check and return the name of a construction. Raises UsageError for any other."""
    if name in get_args(Construction) or name == "best":
        return name
    try:
        structure = Structure.parse(name)
    except UsageError:
        structure = NONE
    if structure.kind not in ("pairs", "simplex", "vote", "lopsided", "priority"):
        raise UsageError(
            f"A construction is one of {', '.join(get_args(Construction))}, pairs, simplex:k, "
            f"vote:K, lopsided, priority, priority:k or best, but it is {name!r}."
        )
    return name


def engineered(
    name: str,
    n_sparse: int,
    n_dense: int,
    p: float,
    *,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Weights:
    """The weights of `construct`, tuned on theory."""
    made = construct(name, n_sparse, n_dense, p, tune="theory", generator=generator, device=device)
    return made.weights


def construct(
    name: str,
    n_sparse: int,
    n_dense: int,
    p: float,
    *,
    tune: Tune | None = None,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Constructed:
    """Weights of this construction with the best a and b: those of its law at large n_sparse
    (`theory`; for a rug those of section 4, where the Gaussian loss is L*), or those of the least
    exact loss at this size (`exact`).

    Without `tune`, best is tuned on the exact loss and all others on theory. With theory, features
    in an order of priority are as close in scale as training needs them.

    Raises UsageError for an unknown name, and WeightsError for sizes that the construction does not
    have or that do not fit in memory.
    """
    builder = StructureBuilder(
        p, tune or ("exact" if name == "best" else "theory"), generator, device
    )
    if name in get_args(Construction):
        symmetric = optimum(n_dense / n_sparse, p)
        a, b = float(symmetric.a), float(symmetric.b)
        made = build(name, n_sparse, n_dense, p, a, b, generator=generator, device=device)  # type: ignore[arg-type]
        return Constructed(builder.tuned(made), (Part(NONE, n_sparse, n_dense),))
    checked_name(name)
    require_dense(n_sparse, n_dense)
    if name == "best":
        return best(n_sparse, n_dense, builder)
    return builder.mixture(parts_of(Structure.parse(name), n_sparse, n_dense))


def build(
    construction: Construction,
    n_sparse: int,
    n_dense: int,
    p: float,
    a: float,
    b: float,
    *,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Weights:
    """Weights with diagonal a, and bias b − μ_i in row i: b includes the mean of the interference
    (section 3), which depends on p. Raises WeightsError."""
    if construction in ROW_ORDERS:
        rows = ROW_ORDERS[construction]
        return Rug.build(
            n_sparse, n_dense, a, b, p=p, rows=rows, generator=generator, device=device
        )
    require_dense(n_sparse, n_dense)
    if construction == "block":  # as few copies as divide both sizes, so that blocks are large
        common = math.gcd(n_sparse, n_dense)
        copies = next((c for c in range(2, common + 1) if common % c == 0), 0)
        if not copies:
            raise WeightsError(
                f"Equal blocks need an n_sparse and an n_dense with a common divisor, but "
                f"{n_sparse} and {n_dense} have none; the constructions dct and orthonormal take "
                "any sizes."
            )
        size, dims = n_sparse // copies, n_dense // copies
        kind, like = default_construction(size), {"generator": generator, "device": device}
        return BlockDiagonal(build(kind, size, dims, p, a, b, **like), copies)
    needed = 8 * COPIES_OF_DENSE_ROWS * n_sparse * n_dense
    require_memory(needed, f"The construction {construction} of {n_sparse:,} × {n_dense:,} numbers")
    make = orthonormal_rows if construction == "orthonormal" else cosine_rows
    return Dense.of_rows(make(n_sparse, n_dense, generator=generator), p, a, b, device)


def dense(weights: Weights) -> Dense:
    """The same model as W_in, W_out and b, for a weights file. Raises WeightsError (memory)."""
    if isinstance(weights, Dense):
        return weights
    n_sparse, n_dense = weights.n_sparse, weights.n_dense
    require_memory(32 * n_sparse * n_dense, f"W_in and W_out of {n_sparse:,} × {n_dense:,} numbers")
    match weights:
        case Rug():
            W_in = entries(weights.chosen.cpu(), n_sparse).to(weights.chosen.device)
            by = 1 if weights.row_weights is None else weights.row_weights.float()
            return Dense(W_in, weights.scale * W_in.T * by, W_in.new_full((n_sparse,), weights.b))
        case BlockDiagonal():
            return _kron(torch.eye(weights.copies), torch.eye(weights.copies), dense(weights.block))
        case Simplex():
            E = torch.from_numpy(simplex_corners(weights.copies)).float()
            return _kron(E, E.T, dense(weights.block))
        case DirectSum():
            parts = [dense(part) for part in weights.parts]
            return Dense(
                torch.block_diag(*(part.W_in for part in parts)),
                torch.block_diag(*(part.W_out for part in parts)),
                torch.cat([part.b for part in parts]),
            )
    raise WeightsError(f"{type(weights).__name__} cannot be written as W_in, W_out and b.")


def _kron(E_in: torch.Tensor, E_out: torch.Tensor, block: Dense) -> Dense:
    """E ⊗ block, with the biases of the block for each of its copies."""

    def product(E: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        whole = torch.einsum("ij,kl->ikjl", E.to(inner.device), inner)
        return whole.reshape(len(E) * len(inner), E.shape[1] * inner.shape[1])

    biases = block.b.repeat(E_in.shape[1])
    return Dense(product(E_in, block.W_in), product(E_out, block.W_out), biases)
