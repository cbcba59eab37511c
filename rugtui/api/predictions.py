"""`rugtui.predict`: every level of theory at (r, p), and the losses of given weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rugtui.errors import UsageError
from rugtui.settings.fields import check
from rugtui.settings.law import MagnitudeLaw
from rugtui.settings.settings import declared, kept_outputs
from rugtui.tables import Table

STRUCTURED_MOST, HULLS_MOST = 20_000, 64
"""Pairs (r, p), and different p, up to which a table has what lies below L*: seconds."""
ROWS = 64
"""Rows for the exact loss on other magnitudes: seconds."""
OF_USUAL_LAW = ["bias_mean", "bias_spread", "noise_mean", "noise_spread", "kolmogorov_smirnov"]
"""Statistics that are of magnitudes uniform on [0, 1]."""
SAMPLES, SAMPLES_AT_ONCE, CELLS = 16_384, 1024, 1 << 20
"""For the loss with an activation that theory does not know; cells of them at a time."""

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rugtui.models.base import Weights
    from rugtui.models.dense import Dense
    from rugtui.settings.settings import Activation, Settings
    from rugtui.training.heldout import Estimate


def predict(
    what: ArrayLike | Weights | str | Path,
    p: ArrayLike,
    *,
    n_sparse: int | None = None,
    activation: Activation | None = None,
    k: int | None = None,
    magnitude: str | None = None,
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

    `magnitude` is the law of features that are on (`Settings.magnitude`; the default is what the
    file says, or uniform on [0, 1]). For others what lies below L* is not known, and `loss_exact`
    is of 64 `rows` unless more are asked for; each (r, p) takes a tenth of a second.

    >>> round(rugtui.predict(0.25, 0.05, magnitude="exponential:0.5").loss, 6)
    0.006532

    Raises SettingError for r or p outside (0, 1], WeightsError for weights that are not finite or
    lack what the activation has learned.
    """
    if isinstance(what, Mapping):
        raise UsageError(
            "predict takes r, a file or weights, and got a dictionary: save it (torch.save) and "
            "give the file's path."
        )
    if not isinstance(what, str | Path) and not hasattr(what, "row_squares"):
        return Table(theory(cast(Any, what), p, n_sparse, magnitude or "uniform"))
    import numpy as np

    weights: Any = what
    data: Settings | None = None
    if isinstance(what, str | Path):
        from rugtui.storage.load import load

        saved = load(what)
        weights, kept = saved.weights, saved.settings.k
        if saved.kind != "file" and (saved.settings.data != "bernoulli" or saved.settings.p_decay):
            data = saved.settings.replace(activation=activation or saved.settings.activation)
        activation, k = activation or saved.settings.activation, k or kept
        magnitude = magnitude or saved.settings.magnitude
    activation = activation or "relu"
    for name, value in (("activation", activation), ("k", k)):
        check(declared(name), value)
    shape, magnitude = np.shape(p), magnitude or "uniform"
    known: Any = {"rows": rows, "seed": seed, "magnitude": magnitude}
    found = [
        of_weights(weights, float(one), **known)
        | losses_with(activation, weights, float(one), k=k, **known)
        | ({} if data is None else losses_on_data(data.replace(p=float(one)), weights))
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


def theory(
    r: ArrayLike, p: ArrayLike, n_sparse: int | None = None, magnitude: str = "uniform"
) -> dict[str, Any]:
    """The levels of sections 4, 5 and 12 as columns. Raises SettingError.

    Those of section 12 are left out of tables of so many pairs (r, p), or different p, that they
    would take minutes, and for other magnitudes. `n_sparse` matters to the end of training where
    few features are on.
    """
    import numpy as np

    from rugtui.theory.bounds import elementwise_and_oracle, linear
    from rugtui.theory.optimum import high_sparsity, optimum

    r, p = np.broadcast_arrays(np.asarray(r, dtype=float), np.asarray(p, dtype=float))
    if not MagnitudeLaw.parse(magnitude).is_usual:
        return _theory_of_law(r, p, magnitude)
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


def _theory_of_law(r: Any, p: Any, magnitude: str) -> dict[str, Any]:
    import numpy as np

    from rugtui.theory.levels import levels

    known = [levels(float(r[place]), float(p[place]), magnitude) for place in np.ndindex(r.shape)]

    def column(name: str) -> Any:
        return np.array([getattr(one, name) for one in known]).reshape(r.shape)

    columns = ("a", "b", "sigma", "linear", "elementwise", "oracle", "high_sparsity")
    return {
        "ratio": r,
        "p": p,
        "loss": column("loss"),
        "loss_kind": "optimum",
        **{name: column(name) for name in columns},
        "theory_loss": column("loss"),
        "magnitude": magnitude,
    }


def structured(r: Any, p: Any, n_sparse: int | None) -> dict[str, Any]:
    """What lies below L*: the paired optimum, and the mixture of phases where training ends."""
    import numpy as np

    from rugtui.theory.hull import hull, lowest, size_that_matters
    from rugtui.theory.pairs import pairs

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


def of_weights(
    weights: Weights, p: float, *, rows: int | None, seed: int, magnitude: str = "uniform"
) -> dict[str, Any]:
    """The levels at the weights' own r, their Gaussian and exact loss, and their statistics."""
    import numpy as np

    from rugtui.analysis.paper import paper_statistics
    from rugtui.analysis.statistics import statistics

    found = statistics(weights, p, generator=np.random.default_rng(seed), rows=rows)
    measured = found.numbers()
    spectrum = {
        "eigenvalues": np.real(found.eigenvalues).tolist(),
        "eigenvalues_imaginary": np.imag(found.eigenvalues).tolist(),
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
        for name, value in theory(ratio, p, weights.n_sparse, magnitude).items()
    }
    return {**levels, **sizes, **losses, **measured, **spectrum, **dataclasses.asdict(papers)}


def losses_with(
    activation: Activation,
    weights: Weights,
    p: float,
    *,
    seed: int = 0,
    k: int | None = None,
    magnitude: str = "uniform",
    rows: int | None = None,
) -> dict[str, float | int | None]:
    """What replaces the losses of a ReLU on the usual magnitudes: nothing where it is one.

    Of a ReLU on other magnitudes the exact and the Gaussian loss are known too, and without
    activation the exact loss. Of any other they are None, and the loss is sampled.
    Raises WeightsError where weights lack what the activation has learned.
    """
    import torch

    from rugtui.analysis.statistics import identity_loss
    from rugtui.api.rugs import EngineeredWeights
    from rugtui.models.constructions import dense
    from rugtui.training.data import chunks
    from rugtui.training.heldout import measure

    law = MagnitudeLaw.parse(magnitude)
    of_law = {} if law.is_usual else dict.fromkeys(OF_USUAL_LAW)
    if activation == "relu":
        return of_law | ({} if law.is_usual else _exact_of_law(weights, p, magnitude, rows, seed))
    exact = identity_loss(weights, p, law) if activation == "identity" else None
    generator = torch.Generator().manual_seed(seed)
    batches = chunks(weights.n_sparse, p, SAMPLES, generator=generator, cells=CELLS, law=law)
    k = k or kept_outputs(p, weights.n_sparse)
    if isinstance(weights, EngineeredWeights):
        weights = weights.dense()
    sampled = measure(dense(weights), batches, activation=activation, k=k)
    return of_law | _sampled(sampled, exact)


def losses_on_data(settings: Settings, weights: Dense) -> dict[str, float | int | None]:
    """The same for weights on the data of a run where features are not alike or not independent:
    no formula is known, and the loss is sampled."""
    import torch

    from rugtui.training.heldout import measure
    from rugtui.training.source import Source

    source = Source(torch.Generator().manual_seed(settings.seed), weights.b.device, weights.b.dtype)
    batches = source.draw_many(settings.replace(batch=SAMPLES_AT_ONCE), SAMPLES)
    k = settings.outputs_kept
    return _sampled(measure(weights, batches, activation=settings.activation, k=k), None)


def _sampled(found: Estimate, exact: float | None) -> dict[str, float | int | None]:
    return {
        "loss_gaussian": exact,
        "loss_exact": exact,
        "loss_exact_standard_error": None if exact is None else 0.0,
        "loss_sampled": found.mean,
        "loss_sampled_standard_error": found.standard_error,
        "samples": SAMPLES,
    }


def _exact_of_law(
    weights: Weights, p: float, magnitude: str, rows: int | None, seed: int
) -> dict[str, float | int | None]:
    """The exact and the Gaussian loss of a ReLU's rows, drawn at random where there are many."""
    import numpy as np

    from rugtui.theory import magnitudes

    law, n_sparse = magnitudes.Magnitude.parse(magnitude), weights.n_sparse
    count = min(n_sparse, rows or min(ROWS, max(2, (1 << 24) // n_sparse)))
    index = np.sort(np.random.default_rng(seed).choice(n_sparse, count, replace=False))
    whole, b = weights.rows(index), weights.biases()[index]
    a = whole[np.arange(count), index]
    mean = b + p * law.mean * (whole.sum(1) - a)
    sigma = np.sqrt(law.variance(p) * np.maximum((whole**2).sum(1) - a**2, 0))
    gaussian = [magnitudes.loss(*row, p, law) for row in zip(a, mean, sigma, strict=True)]
    exact = magnitudes.exact_loss(whole, index, b, p, law)
    error = exact.std(ddof=1) / np.sqrt(count) * np.sqrt(1 - count / n_sparse)
    return {
        "loss_gaussian": float(np.mean(gaussian)),
        "loss_exact": float(exact.mean()),
        "loss_exact_standard_error": float(error),
        "rows": count,
    }
