"""Telling most cells off by a product of rounded numbers.

Where a CPU multiplies bfloat16 at twice the pace of float32, z and W_out rounded to it tell of most
cells that a ReLU holds them at 0: of all whose pre-activation falls short of it by more than the
rounding can have done. With ' for rounded,
    |z·w − z'·w'| ≤ |z − z'| |w| + |z'| |w − w'|
and what sums of n_dense products lose in float32. All other cells are computed anew from what was
not rounded: no digit is lost, and no result depends on how well the screen screens. Where it lets
too many through, the step is a dense one.
"""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rugtui.training import onednn
from rugtui.training.cells import Cells, positives

SUMS = 2.0**-23
"""What float32 loses of Σ |z'| |w'| for each number that is added up, twice over."""
SLACK = 1.01
"""For the rounding of the bound itself."""
PACED = ("avx512_bf16", "amx_bf16")
"""What a CPU with twice the pace calls it."""


class Screen:
    """Outputs ReLU(z W_outᵀ + b) of batches of one size, where they are positive."""

    def __init__(self, like: Float[Tensor, "batch n_sparse"], n_dense: int) -> None:
        self._y = torch.zeros_like(like)
        self._written = np.empty(0, np.int64)
        self._off = like.new_empty(max(like.shape) * n_dense)

    def __call__(
        self,
        z: Float[Tensor, "batch n_dense"],
        W_out: Float[Tensor, "n_sparse n_dense"],
        b: Float[Tensor, " n_sparse"],
        *,
        marks: Bool[np.ndarray, " padded"],
        most: float,
    ) -> tuple[Float[Tensor, "batch n_sparse"], Cells] | None:
        """The outputs, good until the next call, and the cells that may be positive: all others
        are 0. None where those are more than the fraction `most`, or a number is not finite."""
        rounded, W_rounded = z.bfloat16(), W_out.bfloat16()
        least = b + margin(z, rounded, W_out, W_rounded, spare=self._off)
        if not math.isfinite(least.sum()):
            return None
        maybe = onednn.linear_relu(rounded, W_rounded, least.float())
        on = positives(maybe.view(torch.int16), marks, most=most)
        if on is None:
            return None
        y = on.product(z, W_out).numpy()
        y += b.numpy().take(on.columns.numpy())
        self._write(np.maximum(y, 0, out=y), on)
        return self._y, on

    def _write(self, y: Float[np.ndarray, " on"], on: Cells) -> None:
        flat = self._y.view(-1).numpy()
        flat[self._written] = 0
        self._written = on.places.numpy()
        flat[self._written] = y


def margin(
    z: Float[Tensor, "batch n_dense"],
    rounded: Float[Tensor, "batch n_dense"],
    W_out: Float[Tensor, "n_sparse n_dense"],
    W_rounded: Float[Tensor, "n_sparse n_dense"],
    *,
    spare: Float[Tensor, " size"],
) -> Float[Tensor, " n_sparse"]:
    """By how much at most, in each column, rounding moves z W_outᵀ."""

    def lengths(whole: Tensor, rounded: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row, and of what it lost."""
        off = torch.sub(whole, rounded, out=spare[: whole.numel()].view(whole.shape))
        return torch.linalg.vector_norm(whole, dim=1), torch.linalg.vector_norm(off, dim=1)

    (size, off), (W_size, W_off) = (
        (part.max() for part in lengths(z, rounded)),
        lengths(W_out, W_rounded),
    )
    size = size + off  # of what is left of it
    lost = SUMS * z.shape[1] * size * (W_size + W_off)
    return (off * W_size + size * W_off + lost).mul_(SLACK)


def serves(like: Float[Tensor, "batch n_sparse"]) -> bool:
    """Whether outputs such as these can be screened, and it is worth it."""
    return like.device.type == "cpu" and like.nbytes <= onednn.MOST and paced()


@functools.cache
def paced() -> bool:
    """Whether this CPU has the pace, and this build of PyTorch the operations."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    if onednn.OPERATOR is None or not any(known.get(name) for name in PACED):
        return False
    with warnings.catch_warnings():  # once: that the sparse product is in beta
        warnings.simplefilter("ignore")
        try:
            Cells.at((1, 2), torch.tensor([1])).product(torch.ones(1, 1), torch.ones(2, 1))
        except RuntimeError:  # built without what it needs
            return False
    return True
