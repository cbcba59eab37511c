"""What L* and the bounds cost: `OMP_NUM_THREADS=1 python -m tests.benchmarks.optimum`.

Milliseconds of one core, and multiples of a dense 512 × 512 × 512 float64 product of this process.
A pair (r, p) takes 80 places of a scan in closed form (two values of Φ and φ each) and some five
Newton steps over 54 nodes: 450 pairs of Φ and φ, at 25 ns each 11 µs or 0.5 s for 200 × 200 pairs.
Measured: 1.9 s, 330 GEMM; the polynomials around Φ and φ weigh more than Φ and φ. One pair alone
takes 1.4 ms.
"""

from __future__ import annotations

import time

import numpy as np

from rugtui.theory.bounds import elementwise_and_oracle, linear
from rugtui.theory.optimum import high_sparsity, optimum
from tests.benchmarks.exact import milliseconds

SCALAR_CALLS = 50


def main() -> None:
    square = np.random.default_rng(0).random((512, 512))
    gemm = milliseconds(lambda: square @ square)

    def tell(name: str, took: float) -> None:
        print(f"{name:<40}{took:10.2f} ms {took / gemm:10.1f} GEMM")

    r, p = np.meshgrid(np.geomspace(1e-3, 1, 200), np.geomspace(1e-8, 1, 200))
    tell("L* of 200 × 200 pairs", milliseconds(lambda: optimum(r, p)))
    tell("high-sparsity form of as many", milliseconds(lambda: high_sparsity(r, p)))
    few = r[::4, ::4], p[::4, ::4]
    tell("other decoders of 50 × 50", milliseconds(lambda: elementwise_and_oracle(*few)))
    for name, function in {"L*": optimum, "other decoders": elementwise_and_oracle}.items():
        begun = time.thread_time()
        for place in np.linspace(0.1, 0.9, SCALAR_CALLS):
            function(float(place), 0.0123)
        tell(f"{name} of one pair, not asked before", 1e3 * (time.thread_time() - begun) / 50)
    picture()


def picture() -> None:
    """L*/linear over r and p: 1 where nothing but shrinking helps, small where thresholds do."""
    r, p = np.geomspace(1e-3, 0.999, 13), np.geomspace(1e-8, 1, 9)
    table = optimum(r[None], p[:, None]).loss / linear(r[None], p[:, None])
    print("\nL*/linear\n    p \\ r " + "".join(f"{place:8.2g}" for place in r))
    for probability, row in zip(p, table, strict=True):
        print(f"{probability:10.0e}" + "".join(f"{value:8.4f}" for value in row))


if __name__ == "__main__":
    main()
