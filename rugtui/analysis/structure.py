"""Which structure weights are close to: pairs, partners, features that are single or abandoned.

Section 12. Weights are relative to the diagonal of their row. A *strong partner* is a negative
weight far beyond the bulk of its row; two features are a *mutual pair* if each suppresses the other
and is its strongest partner; a *single* feature has almost no interference; an *abandoned* one has
almost no diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from rugtui.models.base import Weights
from rugtui.models.composite import BlockDiagonal, DirectSum, Simplex, transposed
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug

STRONG, BULK = 0.2, 4.0
"""Least weight of a strong partner, relative to the diagonal, and in deviations of its row."""
PAIRED, APART = 0.25, 2.0
"""Least W_ij W_ji of a mutual pair, relative to W_ii W_jj, and to the next largest of the row."""
ABANDONED = 0.1
"""A feature with a diagonal below this, relative to those that are kept, is abandoned."""
SINGLE = 0.05
"""A feature with less interference than this, relative to its squared diagonal, is single."""
SPECTRUM = 256
"""Hidden dimensions up to which eigenvalues of trained weights are quick to compute."""
MAX_EIGENVALUES = 1024
"""Eigenvalues that are kept."""
CELLS = 1 << 22
"""Cells of W held at once."""


@dataclass(frozen=True, slots=True)
class StructureStatistics:
    """Shares of features, means over rows; weights are relative to the diagonal of their row."""

    pairs_share: float = 0.0
    """Features in mutual pairs."""
    lopsidedness: float = 0.0
    """Median s ≥ 1 of the pairs: W_ij is −s W_ii, and W_ji is −W_jj/s; 0 without pairs."""
    singles_share: float = 0.0
    """Features with almost no interference."""
    abandoned_share: float = 0.0
    """Features with a diagonal near 0."""
    partners: float = 0.0
    """Strong negative weights in a row."""
    partner_mean: float = 0.0
    """Their mean; 0 if there are none."""
    partner_norm_share: float = 0.0
    """Their share of Σ_{j≠i} W_ij²."""
    coherence: float = 0.0
    """Largest |W_ij|/√(W_ii W_jj) of features that are not abandoned."""


def structure_statistics(
    weights: Weights, index: Int[np.ndarray, " k"], shares: Float[np.ndarray, " k"]
) -> StructureStatistics:
    """Over the rows `index`, each of which stands for a share of all rows."""
    a = weights.diagonal()
    kept = a > ABANDONED * np.quantile(a, 0.9)
    parts = np.array_split(np.arange(len(index)), -(-len(index) * len(a) // CELLS))
    found = [_of_rows(weights, index[part], a, kept) for part in parts]
    columns = (np.concatenate(column) for column in zip(*found, strict=True))
    paired, s, single, partners, total, norm, coherence = columns
    number = shares @ partners
    return StructureStatistics(
        pairs_share=float(shares @ paired),
        lopsidedness=float(np.median(s[paired])) if paired.any() else 0.0,
        singles_share=float(shares @ single),
        abandoned_share=float(shares @ ~kept[index]),
        partners=float(number),
        partner_mean=float(shares @ total / number) if number else 0.0,
        partner_norm_share=float(shares @ norm),
        coherence=float(coherence.max(initial=0)),
    )


def _of_rows(
    weights: Weights,
    index: Int[np.ndarray, " k"],
    a: Float[np.ndarray, " n_sparse"],
    kept: Bool[np.ndarray, " n_sparse"],
) -> tuple[np.ndarray, ...]:
    """Of each row: whether in a pair, its s, whether single; number, sum and norm share of its
    partners; coherence."""
    w, mutual = _relative(weights, index, a, kept)
    bulk = 1.4826 * np.median(np.abs(w), 1)
    strong = w <= -np.maximum(STRONG, BULK * bulk)[:, None]
    square = (w**2).sum(1)
    mate = mutual.argmax(1)
    every = np.arange(len(index))
    best = mutual[every, mate]
    mutual[every, mate] = 0
    likely = np.flatnonzero((best >= PAIRED) & (best >= APART * mutual.max(1)))
    paired = np.zeros(len(index), bool)
    s = np.zeros(len(index))
    if len(likely):
        mates, place = np.unique(mate[likely], return_inverse=True)
        back = _relative(weights, mates, a, kept)[1].argmax(1)[place.ravel()]
        paired[likely] = back == index[likely]
        own = np.abs(w[likely, mate[likely]])
        s[likely] = np.maximum(own, best[likely] / own) / np.sqrt(best[likely])
    single = kept[index] & ~paired & (square < SINGLE)
    with np.errstate(divide="ignore", invalid="ignore"):
        norm = np.where(square > 0, (w**2 * strong).sum(1) / square, 0.0)
        own = np.where(kept[index], a[index], 0)
        seen = np.abs(w) * np.sqrt(own[:, None] / np.where(kept, a, np.inf))
    return paired, s, single, strong.sum(1), (w * strong).sum(1), norm, seen.max(1)


def _relative(
    weights: Weights,
    index: Int[np.ndarray, " k"],
    a: Float[np.ndarray, " n_sparse"],
    kept: Bool[np.ndarray, " n_sparse"],
) -> tuple[Float[np.ndarray, "k n_sparse"], Float[np.ndarray, "k n_sparse"]]:
    """W_ij/W_ii of these rows off the diagonal, 0 in abandoned ones; and where W_ij and W_ji are
    both negative, their product over W_ii W_jj."""
    rows, columns = weights.rows(index), transposed(weights).rows(index)
    by = np.where(kept, 1 / np.where(kept, a, 1), 0)
    w, back = rows * by[index, None], columns * by
    w[np.arange(len(index)), index] = 0
    return w, np.where((w < 0) & (back < 0), w * back, 0)


def eigenvalues(weights: Weights) -> Float[np.ndarray, " k"]:
    """The eigenvalues of W that are not 0, by decreasing size, at most MAX_EIGENVALUES evenly
    spaced; empty if they take too long to compute."""
    found = np.asarray(_eigenvalues(weights))
    found = found[np.argsort(-np.abs(found), kind="stable")]
    if len(found) > MAX_EIGENVALUES:
        found = found[np.linspace(0, len(found) - 1, MAX_EIGENVALUES).astype(int)]
    return found


def _eigenvalues(weights: Weights) -> np.ndarray:
    match weights:
        case Dense() if weights.n_dense <= SPECTRUM:
            # those of W_out W_in are those of W_in W_out
            return np.linalg.eigvals((weights.W_in @ weights.W_out).detach().double().cpu().numpy())
        case Rug(row_weights=by):
            scales = np.ones(weights.n_dense) if by is None else by.cpu().numpy()
            return weights.scale * weights.n_sparse * scales
        case BlockDiagonal(block=block, copies=copies):
            return np.tile(_eigenvalues(block), copies)
        case DirectSum(parts=parts):
            found = [_eigenvalues(part) for part in parts]
            known = all(map(lambda some, part: len(some) or not part.n_dense, found, parts))
            return np.concatenate(found) if known else np.empty(0)
        case Simplex(block=block, copies=k):
            return np.tile(_eigenvalues(block) * k / (k - 1), k - 1)
        case _:
            return np.empty(0)


def antisymmetric_share(weights: Weights) -> float:
    """‖(W − Wᵀ)/2‖² over ‖W‖² = (1 − tr W²/‖W‖²)/2, of 0 for a symmetric W to 1."""
    squares = weights.row_squares().sum()
    trace = _trace_of_square(weights)
    return float(np.clip((1 - trace / squares) / 2, 0, 1)) if squares > 0 else 0.0


def _trace_of_square(weights: Weights) -> float:
    match weights:
        case Dense():
            inner = (weights.W_in @ weights.W_out).double()
            return float(torch.einsum("ij,ji->", inner, inner))
        case BlockDiagonal(block=block, copies=copies):
            return copies * _trace_of_square(block)
        case DirectSum(parts=parts):
            return sum(_trace_of_square(part) for part in parts)
        case Simplex(block=block, copies=k):
            return k * k / (k - 1) * _trace_of_square(block)
        case _:  # symmetric
            return float(weights.row_squares().sum())
