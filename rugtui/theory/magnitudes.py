"""Theory for features of other magnitudes: x = c u with c ~ Bernoulli(p) and any law of u.

Sections 1 to 5 and 7 need only three things of u ~ Uniform[0, 1]: its moments, its characteristic
function, and means over it. So every theoretical loss extends to other laws, given these:

    v = p E u² − p² (E u)²,      σ = a √(v (1 − r)/r),      linear: (1 − r) v
    loss(a, b, σ; p) = (1 − p) R2(b) + p E_u [u² − 2 u R1(a u + b) + R2(a u + b)]

Means over u are Gauss–Legendre sums with panels narrow enough to resolve the integrand.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from rugtui.settings.law import MagnitudeLaw
from rugtui.theory import gaussian, moments
from rugtui.theory.interference import bennett
from rugtui.theory.moments import Array
from rugtui.theory.optimum import Optimum, threshold

TAIL = 1e-15
"""Probability of the tails of unbounded laws that means over u leave out."""
ORDER = 12  # Gauss–Legendre nodes on each panel
PANELS = 400  # at most: noise narrower than 1/400 of the range is a kink to the sums
BEYOND = 1e-9
"""Probability that the interference leaves the range of its cells."""
POINTS = 1 << 14
"""Cells into which the range of the interference is cut."""


class Magnitude(MagnitudeLaw):
    """The law of u, the size of a feature that is on, with its density and means over it."""

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest u, apart from tails of probability TAIL."""
        match self.kind, self.values:
            case "uniform", (low, high):
                return low, high
            case "normal", (mean, deviation):
                return mean - 8 * deviation, mean + 8 * deviation
            case "exponential", (mean,):
                return 0.0, -math.log(TAIL) * mean
            case "fixed", (value,):
                return value, value
        return -1.0, 1.0

    def density(self, u: Array) -> Array:
        """Density of u within its range; undefined for `fixed`."""
        if self.kind == "normal":
            mean, deviation = self.values
            return gaussian.density((u - mean) / deviation) / deviation
        if self.kind == "exponential":
            return np.exp(-u / self._first) / self._first
        low, high = self.range
        return np.full_like(u, 1 / (high - low))

    def characteristic(self, t: Array) -> Complex[np.ndarray, "*grid"]:
        """E exp(i t u)."""
        if self.kind == "fixed":
            return np.exp(1j * t * self._first)
        if self.kind == "normal":
            mean, deviation = self.values
            return np.exp(1j * t * mean - (t * deviation) ** 2 / 2)
        if self.kind == "exponential":
            return 1 / (1 - 1j * t * self._first)
        low, high = self.range
        half = (high - low) / 2
        return np.exp(1j * t * (low + half)) * np.sinc(t * half / np.pi)

    def nodes(self, scale: float, kink: float = 0.0) -> tuple[Array, Array]:
        """Nodes and weights of E f(u), for an f that is smooth on `scale` but for one `kink`."""
        low, high = self.range
        if low == high:
            return np.array([low]), np.ones(1)
        count = int(np.clip((high - low) / max(scale, TAIL), 8, PANELS))
        edges = np.append(np.linspace(low, high, count + 1), np.clip(kink, low, high))
        if scale < (high - low) / PANELS:  # beside the kink panels must be as narrow as it is
            edges = np.append(edges, np.clip(kink + scale * np.arange(-10.0, 11.0), low, high))
        u, weight = gaussian.panel_nodes(np.unique(edges), ORDER)
        weight = weight * self.density(u)
        return u, weight / weight.sum()


def loss(a: float, b: float, sigma: float, p: float, law: Magnitude) -> float:
    """E (x − ReLU(a x + b + σz))², as `gaussian.loss` for u ~ Uniform[0, 1]."""
    u, weight = law.nodes(sigma / abs(a) if a else math.inf, -b / a if a else 0.0)
    m = a * u + b
    s = max(sigma, gaussian.TINY)
    t = np.clip(m / s, -1e9, 1e9)
    # the halves z < −t (nothing passes) and z > −t (all passes) kept apart, as in `gaussian.loss`
    on = u**2 * ndtr(-t) + ((m - u) ** 2 + s**2) * ndtr(t) + s * gaussian.density(t) * (m - 2 * u)
    return float((1 - p) * gaussian.relu_square(b, sigma) + p * (on @ weight))


@lru_cache(maxsize=256)
def optimum(r: float, p: float, law: Magnitude) -> Optimum:
    """L*(r, p) for magnitudes of `law`: one scalar minimum, as in section 4. Raises SettingError.

    With b = −a θ and σ = κ a, the output is a g, g = ReLU(x + κz − θ), and the best a is
    E[x g]/E[g²]; θ is scanned, and each minimum refined.
    """
    r, p = float(moments.checked("r", r)), float(moments.checked("p", p))
    kappa = _noise(r, p, law)

    def best_gain(theta: float) -> float:
        u, weight = law.nodes(kappa, theta)
        first, square = (of(u - theta, kappa) for of in (gaussian.relu_mean, gaussian.relu_square))
        joint, whole = p * ((u * first) @ weight), p * (square @ weight)
        whole += (1 - p) * gaussian.relu_square(-theta, kappa)
        return float(joint / whole) if whole > 0 else 0.0

    def at(theta: float) -> float:
        a = best_gain(theta)
        return loss(a, -a * theta, kappa * abs(a), p, law)

    low, high = law.range
    reach = max(abs(low), abs(high))
    far = 10 * kappa + 2 * reach
    highest = min(max(12.0, float(threshold(p)) + 2) * kappa, reach + 3 * kappa)
    scan = np.concatenate(
        [-far * np.linspace(1, 0, 48, endpoint=False) ** 2, highest * np.linspace(0, 1, 64)]
    )
    losses = np.array([at(theta) for theta in scan])
    inner = np.arange(1, len(scan) - 1)
    valleys = inner[(losses[inner] <= losses[inner - 1]) & (losses[inner] <= losses[inner + 1])]
    theta = float(scan[losses.argmin()])
    for place in valleys:
        bracket = tuple(scan[place - 1 : place + 2])
        found: Any = minimize_scalar(at, bracket=bracket, options={"xtol": 1e-10})
        if found.fun < at(theta):
            theta = float(found.x)
    a = best_gain(theta)
    return Optimum(at(theta), a, -a * theta, kappa * abs(a))


def linear(r: float, p: float, law: Magnitude) -> float:
    """(1 − r) v: the best linear decoder with a bias. Raises SettingError."""
    return (1 - float(moments.checked("r", r))) * law.variance(float(moments.checked("p", p)))


def _noise(r: float, p: float, law: Magnitude) -> float:
    """κ = σ/a = √(v (1 − r)/r), the least noise per unit of signal at ratio r (section 4)."""
    return math.sqrt(law.variance(p) * (1 - r) / r)


def elementwise_and_oracle(r: float, p: float, law: Magnitude) -> tuple[float, float]:
    """E Var(x | y) and p E Var(u | u + s z), y = x + s z, s² = v (1 − r)/r (section 5). Raises
    SettingError."""
    r, p = float(moments.checked("r", r)), float(moments.checked("p", p))
    s = _noise(r, p, law)
    if s == 0:
        return 0.0, 0.0
    u, weight = law.nodes(s)
    low, high = law.range
    low, high = min(low, 0) - 9 * s, max(high, 0) + 9 * s
    panels = int(np.clip((high - low) / s, 8, 4 * PANELS))
    beside_zero = s * np.arange(-14.0, 15.0)  # where it is uncertain whether the feature is on
    edges = np.append(np.linspace(low, high, panels + 1), np.clip(beside_zero, low, high))
    y, dy = gaussian.panel_nodes(np.unique(edges), 6)
    seen, first, second = np.empty((3, len(y)))
    for part in np.array_split(np.arange(len(y)), max(1, len(y) * len(u) >> 20)):
        joint = gaussian.density((y[part, None] - u) / s) / s * weight
        seen[part], first[part], second[part] = joint.sum(1), joint @ u, joint @ u**2
    seen = np.maximum(seen, np.finfo(float).tiny)
    mean = first / seen
    spread = np.maximum(second / seen - mean**2, 0)
    off = (1 - p) * gaussian.density(y / s) / s
    silent = off / np.maximum(off + p * seen, np.finfo(float).tiny)
    oracle = p * float((dy * seen) @ spread)
    return oracle + p * float((dy * seen * silent) @ mean**2), oracle


def exact_loss(
    rows: Float[np.ndarray, "k n_sparse"],
    index: Int[np.ndarray, " k"],
    b: ArrayLike,
    p: float,
    law: Magnitude,
) -> Float[np.ndarray, " k"]:
    """E (x_i − ReLU(W x + b)_i)² of rows i = index of W at finite size, to about 1e-4 (relative).

    `rows` are whole rows W[index]. The interference ν has the characteristic function
    Π_j [1 − p + p χ(w_j t)], χ that of u; one inverse FFT turns it into masses of POINTS cells
    (section 7), over which the loss given ν is summed. Raises SettingError for p outside (0, 1].
    """
    p = float(moments.checked("p", p))
    rows, b = np.array(rows, float), np.asarray(b, float)
    which = np.arange(len(rows)), np.asarray(index)
    a = rows[which]
    rows[which] = 0
    u, weight = law.nodes(math.inf)
    found = np.empty(len(rows))
    for k, row in enumerate(rows):
        nu, mass = _interference(row[row != 0], p, law)
        m = b[k] + nu
        off = np.maximum(m, 0) ** 2
        on = np.zeros_like(m)
        for value, share in zip(u, weight, strict=True):
            on += share * (value - np.maximum(a[k] * value + m, 0)) ** 2
        found[k] = mass @ ((1 - p) * off + p * on)
    return found


def _interference(
    w: Float[np.ndarray, " n"], p: float, law: Magnitude
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " cells"]]:
    """Centres of cells, and the probability that ν = Σ_j w_j x_j lies in each; a negligible part
    lies in none."""
    mean = p * law.mean * w.sum()
    deviation = math.sqrt(law.variance(p) * (w @ w))
    if deviation == 0:
        return np.array([0.0]), np.ones(1)
    jump = np.array([max(map(abs, law.range)) * np.abs(w).max()])
    half = float(bennett(np.array([deviation**2]), jump, BEYOND)[0] + jump[0])
    dx = 2 * half / POINTS
    start = round((mean - half) / dx) * dx  # 0, where the atom is, is the centre of a cell
    t = 2 * np.pi * np.fft.rfftfreq(POINTS, dx)
    transform = np.ones(len(t), complex)
    for size in np.unique(w):
        factor = 1 - p + p * law.characteristic(size * t)
        transform *= factor ** np.count_nonzero(w == size)
    # sinc(t dx/2): masses of cells, not densities at points
    transform = np.conj(transform) * np.exp(1j * t * start) * np.sinc(t * dx / 2 / np.pi)
    return start + dx * np.arange(POINTS), np.fft.irfft(transform, POINTS)
