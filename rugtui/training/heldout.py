"""The loss on samples that training never sees, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from rugtui.models.activations import output
from rugtui.models.dense import Dense
from rugtui.settings.settings import Activation
from rugtui.training.kernels.sparse_rows import Batch, SparseRows


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over independent samples; `standard_error` is that of the mean."""

    mean: float
    standard_error: float


def measure(
    weights: Dense,
    batches: Iterator[Batch],
    *,
    activation: Activation = "relu",
    k: int = 0,
    importance: Float[Tensor, " n_sparse"] | None = None,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Estimate:
    """The loss of `weights` on `batches`, which together hold at least two samples."""
    model: Any = {"activation": activation, "k": k, "importance": importance}

    def of_each(x: Batch) -> list[float]:
        check_cancelled()
        return sample_losses(weights, x, **model).tolist()

    # With `map`, a batch is freed before the next one is drawn. Losses are Python numbers, because
    # small tensors between the batches would fragment the heap: 130 MiB at (2048, 512) of float64,
    # p 0.5, measured 12 times.
    losses = list(chain.from_iterable(map(of_each, batches)))
    check_cancelled()
    each = torch.tensor(losses, dtype=torch.float64)
    return Estimate(float(each.mean()), float(each.std()) / math.sqrt(len(each)))


def measure_rare(
    weights: Dense,
    p: float,
    *,
    samples: int,
    batch: int,
    generator: Generator,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Estimate:
    """The loss of a ReLU model if most samples have no active feature.

    `samples` samples with at least one active feature are drawn; all samples without any have the
    same loss, which is known exactly, and probability q = (1 − p)^n_sparse: L = q L(0) + (1 − q)
    E[L | some active]. `generator` must be on the CPU; n_sparse · p is below about 1.
    """
    n_sparse, like = weights.n_sparse, weights.b
    log_off = math.log1p(-p)
    some_on = -math.expm1(n_sparse * log_off)  # 1 − q
    losses: list[float] = []
    while len(losses) < samples:
        check_cancelled()
        rows = min(batch, samples - len(losses))
        u = torch.rand(rows, 1, dtype=torch.float64, generator=generator)
        first = (torch.log1p(-u * some_on) / log_off).long().clamp_(max=n_sparse - 1)
        column = torch.arange(n_sparse)
        on = torch.rand(rows, n_sparse, generator=generator) < p
        on = (on & (column > first)) | (column == first)
        x = torch.rand(rows, n_sparse, generator=generator).mul_(on)
        losses += sample_losses(weights, x.to(like.device, like.dtype)).tolist()
    each = torch.tensor(losses, dtype=torch.float64)
    empty = float(sample_losses(weights, like.new_zeros(1, n_sparse)))
    error = some_on * float(each.std()) / math.sqrt(samples)
    return Estimate((1 - some_on) * empty + some_on * float(each.mean()), error)


def sample_losses(
    weights: Dense,
    x: Batch,
    *,
    activation: Activation = "relu",
    k: int = 0,
    importance: Float[Tensor, " n_sparse"] | None = None,
) -> Float[Tensor, " batch"]:
    """Σ_i importance_i (x_i − y_i)² / n_sparse of each sample; `k` is of the activation topk.
    Raises WeightsError if the weights lack the activation's parameters."""
    pre = torch.addmm(weights.b, x @ weights.W_in.T, weights.W_out.T)
    y = output(weights, pre, activation, k=k)
    y = x.add_to(y, -1.0) if isinstance(x, SparseRows) else y.sub_(x)
    if importance is not None:
        y.mul_(importance.sqrt())
    return torch.linalg.vector_norm(y, dim=1).square_().div_(weights.n_sparse)
