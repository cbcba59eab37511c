"""What the exact loss costs: `OMP_NUM_THREADS=1 python -m tests.benchmarks.exact`.

Milliseconds of one core, rows a second, and multiples of the product W = W_out W_in of the same
process in float64. A naive evaluation forms n_sparse · K complex factors for each row, K the number
of frequencies; at 50 ns each and K = 64 that would be 0.8 s for all rows of (512, 128). Sharing one
table of ψ, a row costs about 30 operations a weight to lay it on the grid and 4 G K in a matrix
product with G of a few hundred grid points: 0.1 s. Measured at p = 0.05: 72 ms, 53 GEMM (a GEMM
took 1.36 ms); 16 rows 5 ms. Sparser rows ask for more frequencies: 0.40 s, 296 GEMM, at p = 0.001;
at p = 1, where rows are done one by one, 0.74 s.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from rugtui.theory.exact import exact_loss, grouped_row_loss
from rugtui.theory.interference import Distribution, Rows
from rugtui.theory.optimum import optimum

REPEATS = 5
SIZES = ((64, 16), (512, 128), (2048, 512))
SPARSITIES = (1.0, 0.3, 0.05, 0.01, 0.001, 1e-5)


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some runs, in time of this thread: whoever else is busy does not count."""
    work()
    took = []
    for _ in range(REPEATS):
        begun = time.thread_time()
        work()
        took.append(time.thread_time() - begun)
    return 1e3 * statistics.median(took)


def random_weights(n_sparse: int, n_dense: int) -> tuple[np.ndarray, np.ndarray]:
    """W_in and W_out = W_inᵀ, Gaussian, with a diagonal near 1."""
    W_in = np.random.default_rng(0).standard_normal((n_dense, n_sparse)) / np.sqrt(n_dense)
    return W_in, W_in.T.copy()


def main() -> None:
    for n_sparse, n_dense in SIZES:
        W_in, W_out = random_weights(n_sparse, n_dense)
        gemm = milliseconds(lambda o=W_out, i=W_in: o @ i)
        W = W_out @ W_in
        print(f"({n_sparse}, {n_dense}): W_out W_in takes {gemm:.2f} ms")
        for count in (16, min(n_sparse, 512)):
            index = np.arange(count)
            for p in SPARSITIES:
                b = np.full(count, -0.3)
                took = milliseconds(lambda w=W[:count], i=index, b=b, p=p: exact_loss(w, i, b, p))
                rate = f"{1e3 * count / took:9.0f} rows/s {took / gemm:9.1f} GEMM"
                print(f"  {count:>4} rows, p = {p:<6g} {took:9.1f} ms {rate}")
        off = W[:16].copy()
        off[np.arange(16), np.arange(16)] = 0
        took = milliseconds(lambda off=off: Distribution.of(Rows(off), 0.05))
        print(f"    16 rows' distribution at p = 0.05 {took:6.1f} ms")
    grouped()


def grouped() -> None:
    """A row of 2^22 weights that take a few thousand values, as a rug of that size has."""
    n = 1 << 22
    drawn = np.random.default_rng(0).binomial(n // 4, 0.5, n) * 2 - n // 4
    values, counts = np.unique(drawn, return_counts=True)
    best = optimum(0.25, 0.05)
    values = values * float(best.a) / (n // 4)
    b = float(best.b) - 0.025 * float(counts @ values)
    took = milliseconds(lambda: grouped_row_loss(values, counts, best.a, b, 0.05))
    print(f"a row of 2^22 in {len(values)} values: {took:.1f} ms")


if __name__ == "__main__":
    main()
