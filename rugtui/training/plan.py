"""Which of a step's products are computed sparse: a fixed rule, so that equal runs stay equal.

Decoder gradients in dense products, batch 1,024 on two cores beside other work, by the fraction of
pre-activations that are positive (the dense ones do not depend on it):

    n_sparse  n_dense   dense    0.01   0.03   0.06   0.10   0.15   0.20   0.25
         512      128     2.6    0.61   0.88   1.28   1.44   1.80   1.90   2.37
       1,024      256     2.2    0.27   0.40   0.69   1.03   1.18   1.74   3.35

With both cores free the sparse gradient, half of which is done by one thread, breaks even earlier:
at 0.05, 0.08, 0.19 and 0.13 for n_dense 64, 128, 256 and 512. The rule keeps near those.

Whether data are drawn by their active cells or with all cells decides about the whole step. One of
all cells costs the same at every p; the other is as fast, measured the same way, at

    n_sparse, n_dense    128, 6    128, 32    128, 102    512, 128    1,024, 256
    p                     0.003       0.08        0.18        0.17          0.20
"""

from __future__ import annotations

from dataclasses import dataclass

from rugtui.config import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """How a step is computed.

    `most_on` is the fraction of positive pre-activations up to which the decoder's gradient is
    computed from those cells alone; it is counted in every step, and 0 never looks.
    """

    sparse_encoder: bool
    most_on: float

    def __str__(self) -> str:
        if self.sparse_encoder == (self.most_on > 0):
            return "sparse" if self.sparse_encoder else "dense"
        return "sparse enc" if self.sparse_encoder else "sparse dec"


DENSE = Plan(sparse_encoder=False, most_on=0)


def choose(settings: Settings, *, kind: str) -> Plan:
    """The plan for this kind of device ("cpu", "cuda", "mps")."""
    if kind != "cpu":
        return DENSE
    p = settings.p_on
    most_on = 1 / (4 + 700 / settings.n_dense)
    # a trained model has about as many cells on by noise as by signal
    sparse_decoder = settings.activation == "relu" and 2 * p < most_on
    return Plan(sparse_encoder=sparse_data(settings), most_on=most_on if sparse_decoder else 0)


def sparse_data(settings: Settings) -> bool:
    """Whether a step on a CPU wants the active cells of its batch, and not all cells."""
    return settings.p_on < 1 / (4 + 260 / settings.n_dense)
