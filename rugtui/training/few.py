"""The outputs of a decoder of which a ReLU leaves few cells on."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from rugtui.training import screen
from rugtui.training.cells import Cells, marks, positives
from rugtui.training.parameters import Views
from rugtui.training.plan import Plan


class Few:
    """Finds them, batch after batch of one size, with or without a screen."""

    def __init__(self, like: Float[Tensor, "batch n_sparse"], n_dense: int, plan: Plan) -> None:
        self._most, self._marks = plan.most_on, marks(like.numel())
        screened = plan.screened and screen.serves(like)
        self._screen = screen.Screen(like, n_dense) if screened else None

    def of(
        self,
        z: Float[Tensor, "batch n_dense"],
        weights: Views,
        decode: Callable[[], Float[Tensor, "batch n_sparse"]],
    ) -> tuple[Float[Tensor, "batch n_sparse"], Cells] | None:
        """Outputs that are 0 but on the cells beside them; None where those are more than the plan
        has it, and `decode`, which computes all outputs, was the last that was called."""
        if self._screen is not None:
            own = weights.W_out, weights.b
            few = self._screen(z, *own, marks=self._marks, most=self._most)
            if few is None:
                decode()
            return few
        y = decode()
        on = positives(y, self._marks, most=self._most)
        return None if on is None else (y, on)
