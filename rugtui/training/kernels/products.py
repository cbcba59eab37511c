"""Dense products at the requested precision, into buffers with the fastest memory layout."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

NARROW, LANES = 32, 16
"""Of n_dense: below the one, or where it is no multiple of the other, a CPU is slower at products
whose rows are that short than at the same ones with long columns (1,024 samples, n_sparse 128, one
thread: 155 µs against 34 at n_dense 6, 123 against 84 at 26, 329 against 277 at 102). From a narrow
z in columns the decoder goes on as fast. Products over the samples want columns at all sizes."""


def thin(like: Tensor, rows: int, n_dense: int, *, columns: bool) -> Float[Tensor, "rows n_dense"]:
    """A buffer, which may be column-major on a CPU."""
    if columns and like.device.type == "cpu":
        return like.new_empty(n_dense, rows).T
    return like.new_empty(rows, n_dense)


def product(
    left: Float[Tensor, "rows k"],
    right: Float[Tensor, "k columns"],
    out: Float[Tensor, "rows columns"],
    *,
    add: Float[Tensor, " columns"] | None = None,
    scale: float = 1.0,
    half: bool = False,
) -> Float[Tensor, "rows columns"]:
    """out = scale · left · right + add. `half`: in bfloat16, accumulated in float32."""
    if half:
        torch.mul(left.bfloat16() @ right.bfloat16(), scale, out=out)
        return out if add is None else out.add_(add)
    if add is None:  # with beta = 0 the addend is not read
        return torch.addmm(out, left, right, beta=0, alpha=scale, out=out)
    return torch.addmm(add, left, right, alpha=scale, out=out)
