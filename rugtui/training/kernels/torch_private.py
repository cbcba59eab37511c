"""Private functions of PyTorch, each with a public fallback: without them steps are slower, but the
results are the same.

oneDNN's fused ReLU(z W_outᵀ + b): PyTorch passes float32 products on a CPU to MKL, which divides a
product among its threads several times, and the ReLU is another pass over memory. oneDNN divides it
once: 0.8 ms instead of 1.6 at (1,024, 512, 128), 2.9 instead of 3.1 at (1,024, 1,024, 256), 11.6
instead of 13.8 at (1,024, 2,048, 512), on two cores of an AMD EPYC (Zen 4). PyTorch's own compiler
calls the same operator.

Optimizers without their wrappers for torch.compile: the wrappers import the compiler and SymPy, 700
modules, when the first optimizer is made: 1.3 s, more than everything else between the import of
PyTorch and the first step.
"""

from __future__ import annotations

import functools
import inspect
import platform
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

MAX_OUTPUT = 1 << 29
"""Bytes of oneDNN's output, which is a new tensor, above which reusing a buffer is faster."""
X86 = ("x86_64", "AMD64")


def _found() -> Callable[..., Tensor] | None:
    if platform.machine() not in X86 or not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


LINEAR_POINTWISE = _found()


def linear_relu(
    z: Float[Tensor, "batch n_dense"],
    W_out: Float[Tensor, "n_sparse n_dense"],
    b: Float[Tensor, " n_sparse"],
    out: Float[Tensor, "batch n_sparse"],
) -> Float[Tensor, "batch n_sparse"]:
    """ReLU(z W_outᵀ + b), in `out` or in a new tensor."""
    if (
        LINEAR_POINTWISE is not None
        and out.device.type == "cpu"
        and out.dtype == torch.float32
        and out.nbytes <= MAX_OUTPUT
        and z.is_contiguous()
    ):
        return LINEAR_POINTWISE(z, W_out, b, "relu", [], "")
    return torch.addmm(b, z, W_out.T, out=out).relu_()


@functools.cache
def without_compile_wrappers(
    kind: type[torch.optim.Optimizer],
) -> Callable[..., torch.optim.Optimizer]:
    """`kind` without its wrappers for torch.compile."""
    try:
        step = torch.no_grad()(inspect.unwrap(kind.step))
        bared = {"add_param_group": inspect.unwrap(kind.add_param_group), "step": step}
        return type(kind.__name__, (kind,), bared)
    except (AttributeError, TypeError, ValueError):
        return kind
