"""Structures: which strong weights a row has besides its diagonal a (section 12).

The rest of the row's norm, which the rank determines, is Gaussian noise. A structure at ratio r is
a `StructuredRow`, and the minimum of its loss over a and b is L_S(r, p).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from jaxtyping import Float, Int
from scipy.special import comb

from rugtui.errors import UsageError
from rugtui.theory import moments
from rugtui.theory.moments import checked
from rugtui.theory.pairs import HALF, lopsided, pair_noise, pairs
from rugtui.theory.structured_row import StructuredRow

Kind = Literal["abandoned", "none", "pairs", "simplex", "vote", "lopsided", "single", "priority"]


@dataclass(frozen=True, slots=True)
class Structure:
    """A kind and its `size`: k of a simplex, K of a vote, features in a plane (0: as many as the
    ratio implies)."""

    kind: Kind
    size: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.size}" if self.size else self.kind

    @classmethod
    def parse(cls, text: str) -> Structure:
        """Raises UsageError."""
        kind, colon, size = text.partition(":")
        sized = kind in ("simplex", "vote") or (kind == "priority" and bool(colon))
        if kind not in get_args(Kind) or bool(colon) != sized or (sized and not size.isdigit()):
            raise UsageError(
                "A structure is none, pairs, simplex:k, vote:K, priority, priority:k, lopsided, "
                f"single or abandoned, but it is {text!r}."
            )
        if sized and int(size) < LEAST[kind]:
            raise UsageError(
                f"{text}: a simplex has 2 features or more, a vote 1 or more, and a plane of "
                "features in an order of priority 4 or more."
            )
        return cls(cast(Kind, kind), int(size) if sized else 0)

    @property
    def only_at(self) -> float | None:
        """The only ratio at which the structure exists, or None."""
        if self.kind == "priority":
            return 2 / self.size if self.size else None
        return {"abandoned": 0.0, "lopsided": HALF, "single": 1.0}.get(self.kind)


NONE, PAIRS, LOPSIDED = Structure("none"), Structure("pairs"), Structure("lopsided")
SINGLE, ABANDONED = Structure("single"), Structure("abandoned")

LEAST = {"simplex": 2, "vote": 1, "priority": 4}
"""The smallest size of each kind."""
FEW = 0.02
"""Weights of a vote below this, relative to the diagonal, are treated as Gaussian noise."""
DRAWN = 12
"""Gauss–Hermite nodes that stand for the weights of a finite rug."""


def vote_weights(size: int, r: float) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Weights f_j of a vote, and how many a row has of each, j = 1 … K.

    A row k of H has m odd parities with K independent t's, m binomial; the rows with most are
    taken. At the sum of j of the t's, f is the mean of a product of j signs over these rows: that
    of the normalised Krawtchouk polynomials, (K − j) k_{j+1} = (K − 2m) k_j − j k_{j−1}.
    """
    m = np.arange(size + 1)
    chance = np.asarray(comb(size, m)) / 2.0**size
    above = np.cumsum(chance[::-1])[::-1] - chance
    taken = np.clip(r - above, 0, chance) / r
    before, here, found = np.ones(size + 1), 1 - 2 * m / size, []
    for j in range(1, size + 1):
        found.append(float(taken @ here))
        if j < size:
            before, here = here, ((size - 2 * m) * here - j * before) / (size - j)
    return np.array(found), np.asarray(comb(size, m[1:]))


def silencers(k: int) -> Int[np.ndarray, " k"]:
    """B_i: how many of the features before feature i in its plane silence it: 0, 0, 1, 2, … k − 3
    for directions at rising angles in a half-plane, and k − 3 for one more on the other side."""
    return np.append(np.maximum(np.arange(k - 1) - 1, 0), k - 3)


def priority_loss(k: int, p: float) -> float:
    """p/3 · (1 − mean over i of (1 − p)^B_i): of k ≥ 4 features in a plane in an order of priority.

    The scales of neighbours differ by s → ∞, so that features behind contribute nothing, and any of
    the B_i features before it silences feature i; without these it is reconstructed exactly.
    """
    return float(p / 3 * (1 - np.mean((1 - checked("p", p)) ** silencers(k))))


def structured_row(
    structure: Structure, r: float, p: float, n_sparse: int | None = None
) -> StructuredRow | None:
    """The interference of a structure at ratio r; None if it does not exist at this ratio.

    With n_sparse the rest of the row is not noise but that of a rug of this size: weights drawn
    from a Gaussian, whose characteristic function stands for that of a typical row.
    """
    spare = (1 - r) / r
    match structure.kind:
        case "none":
            values, counts = np.empty(0), np.empty(0)
        case "pairs":
            kappa = 1.0 if r <= HALF else float(pairs(r, p).kappa)
            values, counts = np.array([-kappa]), np.ones(1)
            spare = float(pair_noise(np.asarray(r), np.asarray(kappa))) + kappa**2
        case "simplex":
            if r > (structure.size - 1) / structure.size + 1e-12:
                return None
            values, counts = np.array([-1 / (structure.size - 1)]), np.array([structure.size - 1.0])
        case "vote":
            values, counts = vote_weights(structure.size, r)
            strong = np.abs(values) > FEW
            values, counts = values[strong], counts[strong]
        case "single" if r == 1:
            return StructuredRow(np.empty(0), np.empty(0), 0.0, p)
        case _:
            return None
    rest = max(spare - float(counts @ values**2), 0.0)
    if n_sparse is None:
        return StructuredRow(values, counts, math.sqrt(float(moments.variance(p)) * rest), p)
    number = n_sparse - 1 - counts.sum()
    if number <= 0:
        return None
    if rest <= 1e-12:
        return StructuredRow(values, counts, 0.0, p)
    places, weights = np.polynomial.hermite_e.hermegauss(DRAWN)
    drawn, times = places * math.sqrt(rest / number), number * weights / weights.sum()
    values, counts = np.append(values, drawn), np.append(counts, times)
    return StructuredRow(values, counts, 0.0, p)


def structure_loss(
    structure: Structure, r: float, p: float, n_sparse: int | None = None
) -> float | None:
    """L_S(r, p), or None if the structure does not exist at this ratio. Raises SettingError."""
    if structure.kind == "abandoned":
        return float(moments.variance(checked("p", p))) if r == 0 else None
    if structure.kind == "lopsided":
        return lopsided(float(p)).loss if r == HALF else None
    if structure.kind == "priority":
        return priority_loss(structure.size, p) if r == structure.only_at else None
    r, p = float(checked("r", r)), float(checked("p", p))
    if structure == PAIRS and n_sparse is None:
        return float(pairs(r, p).loss)
    known = structured_row(structure, r, p, n_sparse)
    return None if known is None else float(known.best().loss)
