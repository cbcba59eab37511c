"""The few kinds of rows that engineered weights have: each stands for many alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rugtui.models.base import Weights
from rugtui.models.composite import BlockDiagonal, DirectSum, Simplex
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug

SMALL = 16
"""Features of weights up to which each row is a kind of its own."""


class RowLaw(NamedTuple):
    """`number` rows with diagonal a and bias b, beside which values[g] occurs counts[g] times."""

    number: int
    first: int
    """One of these rows."""
    a: float
    b: float
    values: Float[np.ndarray, " g"]
    counts: Float[np.ndarray, " g"]


def row_laws(weights: Weights) -> list[RowLaw]:
    """Every kind of row; empty where nothing is known of rows but the rows themselves."""
    match weights:
        case Rug():
            values, counts = weights.grouped_row()
            return [RowLaw(weights.n_sparse, 0, weights.a, weights.b, values, counts.astype(float))]
        case BlockDiagonal():
            return [
                one._replace(number=one.number * weights.copies) for one in row_laws(weights.block)
            ]
        case DirectSum():
            parts = [row_laws(part) for part in weights.parts]
            moved = [
                one._replace(first=one.first + int(start))
                for laws, start in zip(parts, weights.edges[:-1], strict=True)
                for one in laws
            ]
            return moved if all(parts) else []
        case Simplex(k=k):
            return [_on_simplex(one, k) for one in row_laws(weights.block)]
        case Dense() if weights.n_sparse <= SMALL:
            W, b = weights.rows(np.arange(weights.n_sparse)), weights.biases()
            return [
                RowLaw(1, i, W[i, i], b[i], np.delete(W[i], i), np.ones(len(W) - 1))
                for i in range(len(W))
            ]
        case _:
            return []


def _on_simplex(law: RowLaw, k: int) -> RowLaw:
    """The row of C ⊗ V: V's own, and k − 1 times the whole row of V by −1/(k − 1)."""
    whole, number = np.append(law.values, law.a), np.append(law.counts, 1.0)
    return RowLaw(
        k * law.number,
        law.first,
        law.a,
        law.b,
        np.concatenate([law.values, -whole / (k - 1)]),
        np.concatenate([law.counts, (k - 1) * number]),
    )
