"""oneDNN's fused ReLU(z W_outᵀ + b), for a CPU.

PyTorch hands float32 products to MKL, which parts one of them several times among its threads, and
leaves the ReLU to another pass over memory. oneDNN parts it once: beside threads that sleep soon
(runtime.threads) 0.8 ms instead of 1.6 at (1,024, 512, 128), 2.9 instead of 3.1 at (1,024, 1,024,
256), 11.6 instead of 13.8 at (1,024, 2,048, 512), measured on two cores of an AMD EPYC (Zen 4). The
operator is the one that PyTorch's own compiler calls; where a build has none, MKL's serves.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

MOST = 1 << 29
"""Bytes of the output, which is a new tensor: above it the buffer of the other way is better."""


X86 = ("x86_64", "AMD64")


def _found() -> Callable[..., Tensor] | None:
    if platform.machine() not in X86 or not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


OPERATOR = _found()


def serves(like: Tensor) -> bool:
    """Whether `linear_relu` can give what has the shape, numbers and place of `like`."""
    return (
        OPERATOR is not None
        and like.device.type == "cpu"
        and like.dtype == torch.float32
        and like.nbytes <= MOST
    )


def linear_relu(
    z: Float[Tensor, "batch n_dense"],
    W_out: Float[Tensor, "n_sparse n_dense"],
    b: Float[Tensor, " n_sparse"],
) -> Float[Tensor, "batch n_sparse"]:
    """ReLU(z W_outᵀ + b), where it `serves`."""
    assert OPERATOR is not None
    return OPERATOR(z, W_out, b, "relu", [], "")
