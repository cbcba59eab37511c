"""The lines of theory as curves: against r at a run's p, and against p at its r."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rugtui.theory.bounds import elementwise_and_oracle, linear
from rugtui.theory.optimum import optimum

POINTS = 96
"""Points of a curve: about two a column of half a wide screen, where lines look smooth."""
LEAST_P = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Losses per feature along one axis of (r, p), the other held."""

    x: Float[np.ndarray, " n"]
    optimum: Float[np.ndarray, " n"]
    linear: Float[np.ndarray, " n"]
    elementwise: Float[np.ndarray, " n"]
    oracle: Float[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Both sweeps through the point (r, p)."""

    r: float
    p: float
    against_r: Sweep
    against_p: Sweep


def curves(r: float, p: float) -> Curves:
    """The sweeps through ratio r in (0, 1) and probability p in (0, 1], each through the point too.

    r is spaced evenly in log r/(1 − r), close where the loss bends: near 0 it leaves p/3, near 1 it
    vanishes (section 4). p is spaced evenly in log p.
    """
    logit = np.linspace(-7.0, 5.0, POINTS)
    ratios = np.union1d(1 / (1 + np.exp(-logit)), r)
    densities = np.union1d(np.geomspace(min(LEAST_P, p / 10), 1.0, POINTS), p)
    return Curves(r, p, _sweep(ratios, p, x=ratios), _sweep(r, densities, x=densities))


class CurveMaker:
    """Makes the curves of one (r, p) after another in a thread of its own; keeps the last."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="curves")
        self._pending: Future[Curves] | None = None
        self._made: Curves | None = None

    def at(self, r: float, p: float) -> Curves | None:
        """The curves through (r, p), or None and they are begun. Raises what making them raised."""
        if self._pending is not None and self._pending.done():
            pending, self._pending = self._pending, None
            self._made = pending.result()
        if self._made is not None and (self._made.r, self._made.p) == (r, p):
            return self._made
        if self._pending is None:
            self._pending = self._thread.submit(curves, r, p)
        return None

    def leave(self) -> None:
        """Go home; curves under way are not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _sweep(
    r: float | Float[np.ndarray, " n"],
    p: float | Float[np.ndarray, " n"],
    *,
    x: Float[np.ndarray, " n"],
) -> Sweep:
    known, told = elementwise_and_oracle(r, p)
    return Sweep(
        x=x,
        optimum=np.broadcast_to(optimum(r, p).loss, x.shape),
        linear=np.broadcast_to(linear(r, p), x.shape),
        elementwise=np.broadcast_to(known, x.shape),
        oracle=np.broadcast_to(told, x.shape),
    )
