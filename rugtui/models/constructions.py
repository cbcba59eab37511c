"""Forward-engineered weights: six constructions with the statistics of the symmetric optimum.

Of all W of rank n_dense with a given diagonal, scaled projections have the least noise (section 4).
Each frame here is one: n_dense orthogonal rows with entries of mean square 1 as W_in, and
W_out = (a/n_dense) W_inᵀ, so that the diagonal is a on average, whatever the rows are.

All have the Gaussian loss L*. Their true loss follows where interference is a sum of many small
terms: hadamard, orthonormal, dct and block. The first rows of H in natural or sequency order have
the same row norms in about 1/r cells of full strength, features of one group being nearly equal:
no central limit, and a sampled loss of 4 L* at r = 0.25, p = 0.05, of 28 L* at p = 0.01. They are
the pure fractal to look at, and the case that the theory does not cover.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.models.block_diagonal import BlockDiagonal
from rugtui.models.dense import Dense
from rugtui.models.hadamard import entries
from rugtui.models.memory import require_memory
from rugtui.models.rug import RowOrder, Rug, require_dense
from rugtui.models.sizes import is_power_of_two
from rugtui.settings.settings import Frame
from rugtui.theory.optimum import optimum

ROW_ORDERS: dict[Frame, RowOrder] = {
    "hadamard": "random",
    "natural": "natural",
    "sequency": "sequency",
}

COPIES_OF_A_DENSE_FRAME = 4
"""Float64 arrays of n_dense × n_sparse numbers alive at the peak of building one."""


def default_frame(n_sparse: int) -> Frame:
    """Random rows of H, or of the cosine transform where n_sparse is no power of two."""
    return "hadamard" if is_power_of_two(n_sparse) else "dct"


def engineered(
    frame: Frame,
    n_sparse: int,
    n_dense: int,
    p: float,
    *,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Weights:
    """Weights of this frame at the symmetric optimum of section 4: their Gaussian loss is L*(r, p).

    Raises WeightsError for sizes that the frame does not have or that memory does not.
    """
    best = optimum(n_dense / n_sparse, p)
    a, b = float(best.a), float(best.b)
    return build(frame, n_sparse, n_dense, p, a, b, generator=generator, device=device)


def build(
    frame: Frame,
    n_sparse: int,
    n_dense: int,
    p: float,
    a: float,
    b: float,
    *,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Weights:
    """Weights of this frame with diagonal a and threshold b, where b counts the mean μ (section 3).

    What is added to W x is therefore b − μ_i in row i, and μ depends on p. Raises WeightsError.
    """
    if frame in ROW_ORDERS:
        order = ROW_ORDERS[frame]
        return Rug.build(
            n_sparse, n_dense, a, b, p=p, rows=order, generator=generator, device=device
        )
    if frame == "block":
        return _blocks(n_sparse, n_dense, p, a, b, generator=generator, device=device)
    require_dense(n_sparse, n_dense)
    needed = 8 * COPIES_OF_A_DENSE_FRAME * n_sparse * n_dense
    require_memory(needed, f"The frame {frame} of {n_sparse:,} × {n_dense:,} numbers")
    make = orthonormal_rows if frame == "orthonormal" else cosine_rows
    return _scaled(make(n_sparse, n_dense, generator=generator), p, a, b, device)


def dense(weights: Weights) -> Dense:
    """The same model as W_in, W_out and b, for a weights file. Raises WeightsError (memory)."""
    if isinstance(weights, Dense):
        return weights
    n_sparse, n_dense = weights.n_sparse, weights.n_dense
    require_memory(32 * n_sparse * n_dense, f"W_in and W_out of {n_sparse:,} × {n_dense:,} numbers")
    if isinstance(weights, Rug):
        W_in = entries(weights.chosen.cpu(), n_sparse).to(weights.chosen.device)
        return Dense(W_in, weights.scale * W_in.T, W_in.new_full((n_sparse,), weights.b))
    if isinstance(weights, BlockDiagonal):
        block = dense(weights.block)
        repeat = torch.eye(weights.copies, dtype=block.b.dtype, device=block.b.device)
        return Dense(
            torch.kron(repeat, block.W_in),
            torch.kron(repeat, block.W_out.contiguous()),
            block.b.repeat(weights.copies),
        )
    raise WeightsError(f"{type(weights).__name__} cannot be written as W_in, W_out and b.")


def orthonormal_rows(
    n_sparse: int, n_dense: int, *, generator: torch.Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Rows that span a random subspace, uniform among those of n_dense dimensions; float64."""
    where = generator.device
    shape = n_sparse, n_dense
    gaussian = torch.randn(shape, generator=generator, dtype=torch.float64, device=where)
    return math.sqrt(n_sparse) * torch.linalg.qr(gaussian.cpu()).Q.T


def cosine_rows(
    n_sparse: int, n_dense: int, *, generator: torch.Generator
) -> Float[Tensor, "n_dense n_sparse"]:
    """Random rows √2 cos(π (2j + 1) k / (2 n_sparse)) of the discrete cosine transform; float64.

    Row 0, all ones, is left out. Rows come in pairs k, n_sparse − k: their squares add up to a
    constant, so that every feature has the same a (but for one row where n_dense is odd and
    n_sparse too; where only n_dense is odd, row n_sparse/2 is constant by itself).
    """
    k = _paired(n_sparse, n_dense, generator)
    # In whole numbers, modulo a turn of 4 n_sparse: no digits are lost at large k (2j + 1)
    turns = k[:, None] * (2 * torch.arange(n_sparse) + 1) % (4 * n_sparse)
    return math.sqrt(2) * torch.cos(turns.double() * (math.pi / (2 * n_sparse)))


def _paired(n_sparse: int, n_dense: int, generator: torch.Generator) -> Int[Tensor, " n_dense"]:
    """n_dense numbers of 1 … n_sparse − 1, k with n_sparse − k, then what is left alone."""
    pairs = (n_sparse - 1) // 2
    order = torch.randperm(pairs, generator=generator, device=generator.device).cpu() + 1
    both = torch.stack([order, n_sparse - order], 1).flatten()
    middle = torch.tensor([n_sparse // 2] if n_sparse % 2 == 0 else [], dtype=torch.long)
    chosen = torch.cat([middle, both] if n_dense % 2 else [both, middle])
    return chosen[:n_dense]


def _scaled(
    rows: Float[Tensor, "n_dense n_sparse"],
    p: float,
    a: float,
    b: float,
    device: torch.device | str,
) -> Dense:
    """W = (a/n_dense) rowsᵀ rows in single precision; each row of W has the bias b − its own μ."""
    scale = a / len(rows)
    interference = scale * (rows.T @ rows.sum(1) - rows.square().sum(0))
    bias = b - p / 2 * interference
    W_in = rows.to(device, torch.float32)
    return Dense(W_in, scale * W_in.T, bias.to(device, torch.float32))


def _blocks(
    n_sparse: int,
    n_dense: int,
    p: float,
    a: float,
    b: float,
    *,
    generator: torch.Generator,
    device: torch.device | str,
) -> BlockDiagonal:
    """Copies of one smaller frame: as few as divide both sizes, so that blocks are large."""
    require_dense(n_sparse, n_dense)
    common = math.gcd(n_sparse, n_dense)
    copies = next((c for c in range(2, common + 1) if common % c == 0), 0)
    if not copies:
        raise WeightsError(
            f"Equal blocks need an n_sparse and an n_dense with a common divisor, but {n_sparse} "
            f"and {n_dense} have none; the frames dct and orthonormal take any sizes."
        )
    size = n_sparse // copies
    sizes = size, n_dense // copies
    block = build(default_frame(size), *sizes, p, a, b, generator=generator, device=device)
    assert isinstance(block, Rug | Dense)
    return BlockDiagonal(block, copies)
