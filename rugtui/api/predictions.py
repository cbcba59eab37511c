"""`rugtui.predict`: every level of theory at (r, p), and the losses of given weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rugtui.errors import UsageError
from rugtui.tables import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rugtui.models.base import Weights
    from rugtui.settings.settings import Activation


def predict(
    what: ArrayLike | Weights | str | Path,
    p: ArrayLike,
    *,
    activation: Activation = "relu",
    rows: int | None = None,
    seed: int = 0,
) -> Table:
    """What theory says of the loss at r = n_dense / n_sparse and p, or of given weights.

    Numbers r and p, or arrays that broadcast, give L* (`loss`), its optimum (`a`, `b`, `sigma`) and
    the other levels: `linear`, `elementwise`, `oracle` and `high_sparsity`. Losses are mean squared
    errors per feature.

    >>> import rugtui
    >>> round(rugtui.predict(0.25, 0.05).loss, 6)
    0.005789
    >>> rugtui.predict([0.1, 0.2, 0.4], 0.05).loss.shape
    (3,)

    Weights (a model with W_in, W_out and b, a rug, or the path of a file) give the same at their
    own r, with `loss_gaussian`, `loss_exact` and the statistics of their symmetry:

    >>> rug = rugtui.rug(64, ratio=0.25, p=0.05)
    >>> found = rugtui.predict(rug, 0.05)
    >>> abs(found.loss_gaussian / found.loss - 1) < 1e-6
    True

    `rows` samples so many rows of W for the exact loss, chosen by `seed`; the default is all.
    Raises SettingError for r or p outside (0, 1], WeightsError for weights that are not finite,
    UsageError for another activation: these losses are of a ReLU.
    """
    if not isinstance(what, str | Path) and not hasattr(what, "row_squares"):
        return Table(theory(cast(Any, what), p))
    import numpy as np

    weights: Any = what
    if isinstance(what, str | Path):
        from rugtui.storage.load import load

        saved = load(what)
        weights = saved.weights
        if activation == "relu":
            activation = saved.settings.activation or activation
    if activation != "relu":
        raise UsageError(
            f"The Gaussian and the exact loss are for a ReLU, but activation is {activation!r}."
        )
    shape = np.shape(p)
    found = [of_weights(weights, float(one), rows=rows, seed=seed) for one in np.ravel(p)]
    return Table({name: np.reshape([one[name] for one in found], shape) for name in found[0]})


def theory(r: ArrayLike, p: ArrayLike) -> dict[str, Any]:
    """The levels of sections 4 and 5 as columns. Raises SettingError."""
    import numpy as np

    from rugtui.theory.bounds import elementwise_and_oracle, linear
    from rugtui.theory.optimum import optimum
    from rugtui.theory.sparse_limit import high_sparsity

    r, p = np.broadcast_arrays(np.asarray(r, dtype=float), np.asarray(p, dtype=float))
    best = optimum(r, p)
    elementwise, oracle = elementwise_and_oracle(r, p)
    return {
        "ratio": r,
        "p": p,
        "loss": best.loss,
        "loss_kind": "optimum",
        "a": best.a,
        "b": best.b,
        "sigma": best.sigma,
        "linear": linear(r, p),
        "elementwise": elementwise,
        "oracle": oracle,
        "high_sparsity": high_sparsity(r, p),
        "theory_loss": best.loss,
    }


def of_weights(weights: Weights, p: float, *, rows: int | None, seed: int) -> dict[str, Any]:
    """The levels at the weights' own r, their Gaussian and exact loss, and their statistics."""
    import numpy as np

    from rugtui.analysis.statistics import statistics

    measured = statistics(weights, p, generator=np.random.default_rng(seed), rows=rows).numbers()
    losses = {
        new: measured.pop(old)
        for old, new in (
            ("gaussian", "loss_gaussian"),
            ("exact", "loss_exact"),
            ("exact_standard_error", "loss_exact_standard_error"),
        )
    }
    sizes = {"n_sparse": weights.n_sparse, "n_dense": weights.n_dense}
    levels = {
        name: value if isinstance(value, str) else np.asarray(value).item()
        for name, value in theory(min(weights.n_dense / weights.n_sparse, 1.0), p).items()
    }
    return {**levels, **sizes, **losses, **measured}
