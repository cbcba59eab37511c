"""Which of a step's products are computed sparse: a fixed rule, so that equal runs stay equal.

The gradient from the active cells alone, and from all cells, in milliseconds on one thread of an
AMD EPYC (Zen 5), batch 1,024, by the fraction of pre-activations that are positive:

    n_sparse, n_dense           0.02    0.05    0.10    0.15    0.20    0.30    0.40    all cells
         128       6            0.14    0.16    0.18    0.21    0.26    0.34    0.49         0.25
         128      32            0.16    0.21    0.23    0.23    0.29    0.39    0.43         0.33
         512      64            0.69    0.72    0.90    1.14    1.34    1.75    2.38         2.05
         512     128            0.95    1.24    1.39    1.69    2.03    2.78    3.96         3.80
       1,024     256             4.1     4.6     5.5     6.8     7.9    10.5    14.4         14.9

There, dense products take twice as long as on Intel CPUs, which MKL is optimized for; so the rule
uses about half the fractions at which the two are equal.

A step that draws all cells of its data costs the same at every p. One that draws only active cells
is as fast, measured the same way, at

    n_sparse, n_dense    128, 6    128, 16    128, 32    128, 102    512, 64    512, 128
    p                      0.02       0.06       0.15        0.11      > 0.3       > 0.3

if `FullMatrixPath` is used where it is faster.

Waking a thread costs more than a small product. Milliseconds per step on one and two threads, at p
0.05, 0.05, 0.01 and 0.002, on two cores of a Xeon, and of an AMD EPYC (Zen 5) with other load:

    n_sparse, n_dense      128, 32      512, 128      1,024, 256      2,048, 512
    Xeon                 1.9 / 4.9    8.3 / 10.2     12.2 / 12.4     34.9 / 22.6
    EPYC                 0.7 / 1.0     1.7 / 2.2       4.6 / 5.2     14.5 / 14.0
    EPYC, idle           0.4 / 0.5     1.6 / 1.3       4.0 / 2.8     14.0 / 8.4
    all cells on it                    6.9 / 7.6       25.0 / 32
    population on it                   1.3 / 4.8       7.6 / 9.9     58.4 / 59.1

So a second thread is used from (1,024, 256) on: there it never costs much, and on an idle machine
saves a third.
"""

from __future__ import annotations

from dataclasses import dataclass

from rugtui.settings.settings import GROUPED, Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """How a step is computed.

    Up to the fraction `most_on` of positive pre-activations, the decoder's gradient is computed
    from those cells only. The fraction is measured in every step, unless `most_on` is 0.
    """

    sparse_encoder: bool
    most_on: float
    compiled: bool = True
    """Whether the passes over the batch are those compiled for the CPU, not PyTorch's."""

    def __str__(self) -> str:
        if self.sparse_encoder == (self.most_on > 0):
            return "sparse" if self.sparse_encoder else "dense"
        return "sparse enc" if self.sparse_encoder else "sparse dec"


DENSE_PRODUCTS = 5
WORK_PER_THREAD = 1 << 27
DEVICE = Plan(sparse_encoder=False, most_on=0, compiled=False)
"""For devices other than a CPU."""


@dataclass(frozen=True, slots=True)
class FullMatrixPath:
    """Whether a dense step uses n_sparse × n_sparse matrices: forward W instead of two products,
    backward xᵀ g instead of three.

    Decided by the number of multiplications. In milliseconds on one thread, batch
    1,024, n_sparse 128: backward 0.25 / 0.37 at n_dense 26, 0.40 / 0.38 at 48, 0.83 / 0.42 at 102;
    forward 0.35 / 0.35 at 64, 0.60 / 0.36 at 102.
    """

    forward: bool
    backward: bool
    products: float
    """The cost of all of them, in products of batch × n_sparse × n_dense."""

    @classmethod
    def of(cls, n_sparse: int, n_dense: int, batch: int) -> FullMatrixPath:
        """None for `batch` 0."""
        if not batch:
            return cls(False, False, DENSE_PRODUCTS)
        square, small = n_sparse / n_dense, n_sparse / batch
        forward, backward = square + small, square + 2 * small
        return cls(forward < 2, backward < 3, min(forward, 2) + min(backward, 3))


def choose(settings: Settings, *, kind: str) -> Plan:
    """The plan for this kind of device ("cpu", "cuda", "mps")."""
    if kind != "cpu":
        return DEVICE
    p = settings.p_on
    most_on = 1 / (4 + 80 / settings.n_dense)
    # in a trained model about as many cells are active by noise as by signal
    sparse_decoder = settings.activation == "relu" and 2 * p < most_on
    return Plan(sparse_encoder=sparse_data(settings), most_on=most_on if sparse_decoder else 0)


def threads(settings: Settings, granted: int) -> int:
    """Threads for a step on a CPU, unless the settings say: one for every `WORK_PER_THREAD`
    multiplications of its dense product, up to `granted`."""
    if settings.threads is not None:
        return settings.threads
    rows = settings.n_dense if settings.method == "population" else settings.batch
    work = rows * settings.n_sparse * settings.n_dense
    return max(1, min(granted, work // WORK_PER_THREAD))


def sparse_data(settings: Settings) -> bool:
    """Whether a step on a CPU draws only the active cells of its batch."""
    if settings.data in GROUPED or settings.p_decay:
        return False  # these are drawn with all cells
    squares = FullMatrixPath.of(settings.n_sparse, settings.n_dense, settings.batch)
    half = settings.matmul == "bf16"
    left_out = 0 if half else DENSE_PRODUCTS - squares.products
    # a sparse step saves at most the other three
    n_dense = settings.n_dense
    return settings.p_on < (1 - left_out / 3) / (4.5 + 100 / n_dense + 2000 / n_dense**2)
