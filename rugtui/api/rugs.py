"""`rugtui.rug`: constructed weights, and their losses."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from rugtui.errors import UsageError
from rugtui.settings.settings import Settings, dense_from_ratio

if TYPE_CHECKING:
    import numpy as np
    import torch
    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

    from rugtui.analysis.statistics import Statistics
    from rugtui.models.base import Weights
    from rugtui.models.dense import Dense
    from rugtui.models.structure_builder import Part, Tune


def rug(
    n_sparse: int,
    *,
    n_dense: int | None = None,
    ratio: float | None = None,
    p: float = 0.05,
    construction: str | None = None,
    tune: Tune | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> EngineeredWeights:
    """A Persian rug: constructed weights at the symmetric optimum for (n_sparse, n_dense, p).

    Give n_dense, or ratio (n_dense is then ratio · n_sparse rounded), or neither for ratio 0.25.
    The construction is hadamard, or dct if n_sparse is not a power of two. A Hadamard rug is stored
    as one vector, so that millions of features fit.

    Other constructions lie below L* (theory, section 12): pairs, simplex:k, vote:K, lopsided,
    priority, and best, the mixture with the lowest exact loss; `parts` lists the structures in it.
    a and b have the lowest loss in theory at large n_sparse, or with tune="exact" (the default for
    best) the lowest exact loss at this size.

    >>> import rugtui
    >>> rug = rugtui.rug(256, ratio=0.25, p=0.05)
    >>> rug
    EngineeredWeights(n_sparse=256, n_dense=64, p=0.05, construction='hadamard', seed=0)
    >>> rug.W.shape, rug.rows([0, 1]).shape
    ((256, 256), (2, 256))
    >>> round(rug.exact_loss() / rug.gaussian_loss(), 1)
    1.0

    Raises SettingError for invalid sizes or p, UsageError for an unknown construction, WeightsError
    if it does not exist at these sizes or does not fit in memory.
    """
    import torch

    from rugtui.models.constructions import construct, default_construction
    from rugtui.training.device import resolve

    if n_dense is None:
        n_dense = dense_from_ratio(0.25 if ratio is None else ratio, n_sparse)
    elif ratio is not None:
        raise UsageError("ratio and n_dense both set n_dense: give one of them.")
    settings = Settings(n_sparse=n_sparse, n_dense=n_dense, p=p, seed=seed, device=device)
    chosen = construction or default_construction(n_sparse)
    made = construct(
        chosen,
        n_sparse,
        n_dense,
        p,
        tune=tune,
        generator=torch.Generator().manual_seed(seed),
        device=resolve(settings.device),
    )
    return EngineeredWeights(made.weights, settings, chosen, made.parts)


class EngineeredWeights:
    """A rug and the settings that it was built for. Other attributes are those of its `weights`."""

    def __init__(
        self,
        weights: Weights,
        settings: Settings,
        construction: str,
        parts: tuple[Part, ...] = (),
    ) -> None:
        self.weights, self.settings, self.construction = weights, settings, construction
        self.parts = parts

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"EngineeredWeights(n_sparse={s.n_sparse}, n_dense={s.n_dense}, p={s.p:g}, "
            f"construction={self.construction!r}, seed={s.seed})"
        )

    def __eq__(self, other: object) -> bool:
        """Equal settings and constructions give equal weights."""
        if not isinstance(other, EngineeredWeights):
            return NotImplemented
        return (self.settings, self.construction) == (other.settings, other.construction)

    def __hash__(self) -> int:
        return hash((self.settings, self.construction))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "weights":
            raise AttributeError(name)
        return getattr(self.weights, name)

    @property
    def n_sparse(self) -> int:
        return self.settings.n_sparse

    @property
    def n_dense(self) -> int:
        return self.settings.n_dense

    @property
    def p(self) -> float:
        return self.settings.p

    @property
    def W(self) -> Float[np.ndarray, "n_sparse n_sparse"]:
        """W = W_out W_in in full: n_sparse² numbers. Raises WeightsError if memory is short."""
        import numpy as np

        from rugtui.models.base import require_memory

        require_memory(8 * self.n_sparse**2, f"W of {self.n_sparse:,}² numbers")
        return self.weights.rows(np.arange(self.n_sparse))

    def rows(self, index: ArrayLike) -> Float[np.ndarray, "*k n_sparse"]:
        """The rows of W with these numbers; one number gives one row."""
        import numpy as np

        chosen: Int[np.ndarray, ...] = np.asarray(index)
        rows = self.weights.rows(np.atleast_1d(chosen))
        return rows if chosen.ndim else rows[0]

    def forward(self, x: Any) -> Float[torch.Tensor, "*batch n_sparse"]:
        """y = ReLU(W x + b) for a sample or a batch, as tensor or array."""
        import torch

        given = torch.as_tensor(x, dtype=torch.float32)
        return self.weights.forward(torch.atleast_2d(given)).reshape(given.shape)

    __call__ = forward

    def dense(self) -> Dense:
        """The same model as W_in, W_out and b. Raises WeightsError if memory is short."""
        from rugtui.models.constructions import dense

        return dense(self.weights)

    @cached_property
    def statistics(self) -> Statistics:
        """Losses and symmetry at its own p, of all rows."""
        import numpy as np

        from rugtui.analysis.statistics import statistics

        return statistics(self.weights, self.p, generator=np.random.default_rng(self.settings.seed))

    def gaussian_loss(self) -> float:
        """Mean squared error per feature if the interference were Gaussian (theory, section 3)."""
        return self.statistics.gaussian

    def exact_loss(self) -> float:
        """Exact mean squared error per feature at this size (theory, section 7)."""
        return self.statistics.exact

    def summary(self) -> dict[str, Any]:
        """What `rugtui rug --json` prints: a and b are means over rows, b with the mean of the
        interference (theory, section 3)."""
        from rugtui.theory.optimum import optimum

        measured = self.statistics
        return {
            "construction": self.construction,
            "parts": [
                {"structure": str(one.structure), "n_sparse": one.n_sparse, "n_dense": one.n_dense}
                for one in self.parts
            ],
            "n_sparse": self.n_sparse,
            "n_dense": self.n_dense,
            "ratio": self.settings.ratio,
            "p": self.p,
            "a": measured.diagonal_mean,
            "b": measured.bias_mean,
            "theory_loss": float(optimum(self.settings.ratio, self.p).loss),
            "loss_gaussian": measured.gaussian,
            "loss_exact": measured.exact,
            "loss_exact_standard_error": measured.exact_standard_error,
        }
