"""Orderings of the features: the same weights with rows and columns of W permuted together.

order[place] is the feature at `place`: W'[r, c] = W[order[r], order[c]].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rugtui.errors import WeightsError
from rugtui.models.base import Weights
from rugtui.models.composite import BlockDiagonal
from rugtui.models.dense import Dense
from rugtui.models.orthogonal_rows import parity, sequency_order
from rugtui.models.rug import Rug

NEIGHBOURS = 16
"""Partners considered for each feature in the clustered order."""
PARTNER = 0.6
"""Least weight of a strong partner in a rug, relative to the diagonal."""
PRODUCTS_CPU, PRODUCTS_GPU = 1 << 36, 1 << 42
"""Multiplications that computing a clustered order may take: half as many already take seconds."""


def permuted(weights: Weights, order: Int[np.ndarray, " n_sparse"]) -> Dense:
    """The same model with its features in another order. Raises WeightsError for a rug."""
    if not isinstance(weights, Dense):
        raise WeightsError(f"{type(weights).__name__} cannot be reordered.")
    chosen = torch.as_tensor(order, device=weights.W_in.device)
    return Dense(weights.W_in[:, chosen], weights.W_out[chosen], weights.b[chosen])


def in_sequency(weights: Weights) -> tuple[Weights, Int[np.ndarray, " n_sparse"]]:
    """The weights with feature s at the place of the Walsh function with s changes of sign.

    That order is linear over GF(2), order(i xor j) = order(i) xor order(j), so a rug stays a rug:
    W'_ij = a f(order(i) xor order(j)) = a f(order(i xor j)). So only its counts
    are permuted.
    Raises WeightsError for an n_sparse that is not a power of two.
    """
    order = sequency_order(weights.n_sparse)
    match weights:
        case Rug():
            return _reordered(weights, order), order
        case BlockDiagonal(block=Rug()):
            return in_sequency(_woven(weights))
        case Dense():
            return permuted(weights, order), order
        case _:
            raise WeightsError(f"{type(weights).__name__} has no sequency order here.")


def beside_partners(rug: Rug) -> tuple[Rug, Int[np.ndarray, " n_sparse"]]:
    """A rug with each feature next to its strongest negative partner, i xor t for one t.

    The order is linear over GF(2), as in `in_sequency`: place 1 maps to t, and the places of the
    other bits to the bits of the feature without the highest of t. Raises WeightsError where there
    is no such partner.
    """
    partner = int(np.argmin(rug.counts))
    if rug.counts[partner] > -PARTNER * rug.counts[0]:
        raise WeightsError("A rug has no clusters: all its rows hold the same values.")
    bits = range(rug.n_sparse.bit_length() - 1)
    basis = [1 << k for k in bits if k != partner.bit_length() - 1]
    order = np.zeros(1, dtype=np.int64)
    for image in (partner, *basis):
        order = np.concatenate([order, order ^ image])
    return _reordered(rug, order), order


def _reordered(rug: Rug, order: Int[np.ndarray, " n_sparse"]) -> Rug:
    """W'_ij = a f(order(i xor j)), for an order that is linear over GF(2)."""
    chosen, by = _transposed(order, rug.chosen).sort()
    carried = None if rug.row_weights is None else rug.row_weights[by]
    return dataclasses.replace(rug, chosen=chosen, counts=rug.counts[order], row_weights=carried)


def clusters(weights: Weights) -> Int[np.ndarray, " n_sparse"]:
    """The order with features that interfere strongly next to each other.

    Features are joined into chains, the strongest pair first (by W_ij² + W_ji²), as long as neither
    has two neighbours already and no chain closes; then chain follows chain. Only the NEIGHBOURS
    strongest partners of each feature are considered, so that O(n_sparse · n_dense) memory is
    enough: W is computed n_dense rows at a time.

    Raises WeightsError for a rug, every row of which has the same values, for blocks, and for
    weights whose W takes too long to compute.
    """

    def square(w: Tensor, back: Tensor) -> Tensor:
        return w.square_() + back.square_()

    return _chained(*_strongest_partners(_clusterable(weights), square))


def in_pairs(weights: Weights) -> Int[np.ndarray, " n_sparse"]:
    """The order with mutual partners side by side, so that pairs are blocks of 2 × 2.

    Two features may be partners if W_ij and W_ji are both negative; they are paired by descending
    W_ij W_ji. Pairs come first, at even places, sorted by their first feature, so that they stay in
    place while the weights change a little; then all others.

    Raises WeightsError as `clusters` does.
    """

    def suppression(w: Tensor, back: Tensor) -> Tensor:
        return w.clamp_(max=0) * back.clamp_(max=0)

    strength, partner = _strongest_partners(_clusterable(weights), suppression)
    n, count = partner.shape
    mate = np.full(n, -1)
    first, second = np.repeat(np.arange(n), count), partner.ravel()
    known = np.flatnonzero((strength.ravel() > 0) & (first < second))
    for k in known[np.argsort(-strength.ravel()[known], kind="stable")].tolist():
        i, j = int(first[k]), int(second[k])
        if mate[i] < 0 and mate[j] < 0:
            mate[i], mate[j] = j, i
    begins = np.flatnonzero(mate > np.arange(n))
    return np.concatenate([np.stack([begins, mate[begins]], 1).ravel(), np.flatnonzero(mate < 0)])


def _clusterable(weights: Weights) -> Dense:
    if isinstance(weights, BlockDiagonal):
        raise WeightsError("These blocks are clusters as they are.")
    if not isinstance(weights, Dense):
        raise WeightsError("A rug has no clusters: all its rows hold the same values.")
    n_sparse = weights.n_sparse
    most = PRODUCTS_CPU if weights.W_out.device.type == "cpu" else PRODUCTS_GPU
    if n_sparse**2 * weights.n_dense > most:
        raise WeightsError(f"{n_sparse:,} features are too many to cluster on this device.")
    return weights


def _woven(blocks: BlockDiagonal) -> Rug:
    """Blocks of rugs as one rug, of the rows k of the block with every number h of a copy as higher
    bits: Σ_h H_h,t is 0 unless t = 0, so other blocks are zero.

    Raises WeightsError if the number of copies is no power of two.
    """
    rug = blocks.block
    assert isinstance(rug, Rug)
    copies = torch.arange(blocks.copies) * rug.n_sparse
    chosen = (copies[:, None] + rug.chosen.cpu()).flatten()
    carried = rug.row_weights
    return Rug.of_rows(
        chosen,
        blocks.n_sparse,
        rug.a,
        rug.b,
        row_weights=None if carried is None else carried.cpu().repeat(blocks.copies),
        device=rug.chosen.device,
    )


def _transposed(
    order: Int[np.ndarray, " n_sparse"], rows: Int[Tensor, " n_dense"]
) -> Int[Tensor, " n_dense"]:
    """Rows k' with H[k', j] = H[k, order(j)]: with order(j) = M j over GF(2), k' = Mᵀ k. Bit s of
    Mᵀ k is the parity of k & M e_s, and M e_s = order(2^s)."""
    image = torch.zeros_like(rows)
    for s in range(len(order).bit_length() - 1):
        image |= parity(rows & int(order[1 << s])) << s
    return image


def _strongest_partners(
    weights: Dense, strength_of: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Float[np.ndarray, "n_sparse count"], Int[np.ndarray, "n_sparse count"]]:
    """For every feature i the NEIGHBOURS largest strengths with others j, and these j;
    `strength_of` takes rows of W and of its transpose."""
    out, into = weights.W_out, weights.W_in.T
    count = min(NEIGHBOURS, weights.n_sparse - 1)
    strength, partner = [], []
    for rows in torch.arange(len(out), device=out.device).split(max(weights.n_dense, 1)):
        square = strength_of(out[rows] @ into.T, into[rows] @ out.T)
        square[torch.arange(len(rows), device=out.device), rows] = -1.0
        best = square.topk(count, 1)
        strength.append(best.values.cpu().numpy())
        partner.append(best.indices.cpu().numpy())
    return np.concatenate(strength), np.concatenate(partner)


def _chained(
    strength: Float[np.ndarray, "n count"], partner: Int[np.ndarray, "n count"]
) -> Int[np.ndarray, " n"]:
    """Features joined into chains, strongest pairs first, and the chains one after the other."""
    n, count = partner.shape
    beside: list[list[int]] = [[] for _ in range(n)]
    chain = list(range(n))

    def end(i: int) -> int:
        """The representative of the chain of i (union-find with path halving)."""
        while chain[i] != i:
            chain[i] = chain[chain[i]]
            i = chain[i]
        return i

    first, second = np.repeat(np.arange(n), count).tolist(), partner.ravel().tolist()
    for k in np.argsort(-strength.ravel(), kind="stable").tolist():
        i, j = first[k], second[k]
        if len(beside[i]) < 2 and len(beside[j]) < 2 and end(i) != end(j):
            chain[end(i)] = end(j)
            beside[i].append(j)
            beside[j].append(i)
    return np.array(_walked(beside), dtype=np.int64)


def _walked(beside: list[list[int]]) -> list[int]:
    """Every chain from one of its ends to the other."""
    walked, seen = [], [False] * len(beside)
    for start, neighbours in enumerate(beside):
        if seen[start] or len(neighbours) == 2:
            continue
        at: int | None = start
        while at is not None:
            seen[at] = True
            walked.append(at)
            at = next((j for j in beside[at] if not seen[j]), None)
    return walked
