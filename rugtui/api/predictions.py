"""`rugtui.predict`: every level of theory at (r, p), and the losses of given weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rugtui.settings.fields import check
from rugtui.settings.settings import declared, kept_outputs
from rugtui.tables import Table

STRUCTURED_MOST, HULLS_MOST = 20_000, 64
"""Pairs (r, p), and different p, up to which a table has what lies below L*: seconds."""
SAMPLES, CELLS = 16_384, 1 << 20
"""For the loss with an activation that theory does not know; cells of them at a time."""

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rugtui.models.base import Weights
    from rugtui.settings.settings import Activation


def predict(
    what: ArrayLike | Weights | str | Path,
    p: ArrayLike,
    *,
    n_sparse: int | None = None,
    activation: Activation | None = None,
    k: int | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> Table:
    """What theory says of the loss at r = n_dense / n_sparse and p, or of given weights.

    Numbers r and p, or arrays that broadcast, give L* (`loss`), its optimum (`a`, `b`, `sigma`) and
    the other levels: `linear`, `elementwise`, `oracle` and `high_sparsity`. Losses are mean squared
    errors per feature. Below L* are the paired optimum (`loss_pairs`, `a_pairs`, `b_pairs`,
    `kappa_pairs`) and `loss_end`, where training ends as far as is known: a mixture of `phases`.
    It is that of large models, or of `n_sparse` features.

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
    With another `activation` than a ReLU (the default is what the file says) no formula is known,
    but for identity: `loss_exact` and `loss_gaussian` are None, and `loss_sampled` is the loss on
    `samples` samples drawn with `seed`. `k` is of the activation topk, by default p n_sparse.
    Raises SettingError for r or p outside (0, 1], WeightsError for weights that are not finite or
    lack what the activation has learned.
    """
    if not isinstance(what, str | Path) and not hasattr(what, "row_squares"):
        return Table(theory(cast(Any, what), p, n_sparse))
    import numpy as np

    weights: Any = what
    if isinstance(what, str | Path):
        from rugtui.storage.load import load

        saved = load(what)
        weights, kept = saved.weights, saved.settings.k
        activation, k = activation or saved.settings.activation, k or kept
    activation = activation or "relu"
    for name, value in (("activation", activation), ("k", k)):
        check(declared(name), value)
    shape = np.shape(p)
    found = [
        of_weights(weights, float(one), rows=rows, seed=seed)
        | losses_with(activation, weights, float(one), seed, k=k)
        for one in np.ravel(p)
    ]
    columns: dict[str, Any] = {}
    for name in found[0]:
        column = np.empty(len(found), dtype=object)
        for place, one in enumerate(found):
            column[place] = one[name]
        listed = isinstance(column[0], list)  # phases: a list is one entry, not a row of them
        columns[name] = column.reshape(shape) if listed else np.reshape(column.tolist(), shape)
    return Table(columns)


def theory(r: ArrayLike, p: ArrayLike, n_sparse: int | None = None) -> dict[str, Any]:
    """The levels of sections 4, 5 and 12 as columns. Raises SettingError.

    Those of section 12 are left out of tables of so many pairs (r, p), or different p, that they
    would take minutes. `n_sparse` matters to the end of training where few features are on.
    """
    import numpy as np

    from rugtui.theory.bounds import elementwise_and_oracle, linear
    from rugtui.theory.optimum import optimum
    from rugtui.theory.sparse_limit import high_sparsity

    r, p = np.broadcast_arrays(np.asarray(r, dtype=float), np.asarray(p, dtype=float))
    best = optimum(r, p)
    elementwise, oracle = elementwise_and_oracle(r, p)
    few = r.size <= STRUCTURED_MOST and len(np.unique(p)) <= HULLS_MOST
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
        **(structured(r, p, n_sparse) if few else {}),
    }


def structured(r: Any, p: Any, n_sparse: int | None) -> dict[str, Any]:
    """What lies below L*: the paired optimum, and the mixture of phases where training ends."""
    import numpy as np

    from rugtui.theory.hull import hull, size_that_matters
    from rugtui.theory.pairs import pairs
    from rugtui.theory.priority import lowest

    paired = pairs(r, p)
    ends, least = np.empty(r.shape), np.empty(r.shape)
    phases = np.empty(r.shape, dtype=object)
    for place in np.ndindex(r.shape):
        ratio, density = float(r[place]), float(p[place])
        size = None if n_sparse is None else size_that_matters(n_sparse, density)
        known = hull(density, size)
        ends[place], least[place] = known.loss(ratio), lowest(density, size).loss(ratio)
        phases[place] = [
            {"structure": str(one.structure), "share": one.share, "ratio": one.ratio}
            for one in known.phases(ratio)
        ]
    return {
        "loss_pairs": paired.loss,
        "a_pairs": paired.a,
        "b_pairs": paired.b,
        "kappa_pairs": paired.kappa,
        "loss_end": ends,
        "loss_lowest": least,
        "phases": phases,
    }


def of_weights(weights: Weights, p: float, *, rows: int | None, seed: int) -> dict[str, Any]:
    """The levels at the weights' own r, their Gaussian and exact loss, and their statistics."""
    import numpy as np

    from rugtui.analysis.paper import paper_statistics
    from rugtui.analysis.statistics import statistics

    found = statistics(weights, p, generator=np.random.default_rng(seed), rows=rows)
    measured = found.numbers()
    spectrum = {
        "eigenvalues": found.eigenvalues.real.tolist(),
        "eigenvalues_imaginary": found.eigenvalues.imag.tolist(),
    }
    papers = paper_statistics(weights, p, generator=np.random.default_rng(seed))
    losses = {
        new: measured.pop(old)
        for old, new in (
            ("gaussian", "loss_gaussian"),
            ("exact", "loss_exact"),
            ("exact_standard_error", "loss_exact_standard_error"),
        )
    }
    sizes = {"n_sparse": weights.n_sparse, "n_dense": weights.n_dense}
    ratio = min(weights.n_dense / weights.n_sparse, 1.0)
    levels = {
        name: value if isinstance(value, str) else np.asarray(value).item()
        for name, value in theory(ratio, p, weights.n_sparse).items()
    }
    return {**levels, **sizes, **losses, **measured, **spectrum, **dataclasses.asdict(papers)}


def losses_with(
    activation: Activation, weights: Weights, p: float, seed: int, *, k: int | None = None
) -> dict[str, float | int | None]:
    """What replaces the losses of a ReLU: nothing where it is one.

    Without activation the exact loss is known; of any other it is None, and the loss is sampled.
    Raises WeightsError where weights lack what the activation has learned.
    """
    import torch

    from rugtui.analysis.statistics import identity_loss
    from rugtui.api.rugs import EngineeredWeights
    from rugtui.models.constructions import dense
    from rugtui.training.data import chunks
    from rugtui.training.heldout import measure

    if activation == "relu":
        return {}
    exact = identity_loss(weights, p) if activation == "identity" else None
    generator = torch.Generator().manual_seed(seed)
    batches = chunks(weights.n_sparse, p, SAMPLES, generator=generator, cells=CELLS)
    k = k or kept_outputs(p, weights.n_sparse)
    if isinstance(weights, EngineeredWeights):
        weights = weights.dense()
    sampled = measure(dense(weights), batches, activation=activation, k=k)
    return {
        "loss_gaussian": exact,
        "loss_exact": exact,
        "loss_exact_standard_error": None if exact is None else 0.0,
        "loss_sampled": sampled.mean,
        "loss_sampled_standard_error": sampled.standard_error,
        "samples": SAMPLES,
    }
