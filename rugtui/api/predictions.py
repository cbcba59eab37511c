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

MOST_POINTS, MOST_P = 20_000, 64
"""Tables of more points, or more different p, lack what lies below L*, which would take minutes."""
ROWS = 64
"""Rows for the exact loss on other magnitudes: seconds."""
UNIFORM_ONLY = ["bias_mean", "bias_spread", "noise_mean", "noise_spread", "kolmogorov_smirnov"]
"""Statistics that are defined for magnitudes uniform on [0, 1]; None for others."""
SAMPLES, SAMPLES_AT_ONCE, ENTRIES_AT_ONCE = 16_384, 1024, 1 << 20
"""For losses that have no formula; the last two limit a batch."""
LEVELS = ("loss", "a", "b", "sigma", "linear", "elementwise", "oracle", "high_sparsity")

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
    """The losses that theory predicts at r = n_dense / n_sparse and p, or for given weights.

    Numbers r and p, or arrays that broadcast, give L* (`loss`), its optimum (`a`, `b`, `sigma`) and
    the other levels: `linear`, `elementwise`, `oracle` and `high_sparsity`. Losses are mean squared
    errors per feature. Below L* are the paired optimum (`loss_pairs`, `a_pairs`, `b_pairs`,
    `kappa_pairs`) and `loss_end`, where training should end: a mixture of `phases`, for large
    models or for `n_sparse` features.

    >>> import rugtui
    >>> round(rugtui.predict(0.25, 0.05).loss, 6)
    0.005789
    >>> rugtui.predict([0.1, 0.2, 0.4], 0.05).loss.shape
    (3,)

    Weights (a model with W_in, W_out and b, a rug, or the path of a run or a file) give the same at
    their own r, with `loss_gaussian`, `loss_exact` and the statistics of their symmetry:

    >>> rug = rugtui.rug(64, ratio=0.25, p=0.05)
    >>> found = rugtui.predict(rug, 0.05)
    >>> abs(found.loss_gaussian / found.loss - 1) < 1e-6
    True

    `rows` is the number of rows of W for the exact loss, drawn with `seed`; the default is all.
    For an `activation` other than relu and identity (the default is what the file says) there is no
    formula: `loss_exact` and `loss_gaussian` are None, and `loss_sampled` is the loss on `samples`
    samples drawn with `seed`. `k` is for the activation topk, by default p n_sparse.

    `magnitude` is the distribution of a feature that is on (`Settings.magnitude`; the default is
    what the file says, or uniform on [0, 1]). For others what lies below L* is not known, and
    `loss_exact` is the mean over 64 `rows` unless more are given; each (r, p) takes a tenth of a
    second.

    >>> round(rugtui.predict(0.25, 0.05, magnitude="exponential:0.5").loss, 6)
    0.006532

    Raises SettingError for r or p outside (0, 1], WeightsError for weights that are not finite or
    lack the arrays that the activation learns.
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
        weights, settings = saved.weights, saved.settings
        activation, k = activation or settings.activation, k or settings.k
        magnitude = magnitude or settings.magnitude
        if saved.kind != "file" and not is_independent(settings):
            data = settings.replace(activation=activation)
    activation, magnitude = activation or "relu", magnitude or "uniform"
    for name, value in (("activation", activation), ("k", k)):
        check(declared(name), value)
    options: Any = {"rows": rows, "seed": seed, "magnitude": magnitude}
    answers = [
        of_weights(weights, one, **options)
        | losses_with(activation, weights, one, k=k, **options)
        | ({} if data is None else losses_on_data(data.replace(p=one), weights))
        for one in map(float, np.ravel(p))
    ]
    columns: dict[str, Any] = {}
    for name in answers[0]:
        column = np.fromiter((answer[name] for answer in answers), object, len(answers))
        listed = isinstance(column[0], list)  # phases: a list is one entry, not a row of them
        columns[name] = (column if listed else np.array(column.tolist())).reshape(np.shape(p))
    return Table(columns)


def is_independent(settings: Settings) -> bool:
    """Whether features are alike and independent, as all formulas assume."""
    return settings.data == "bernoulli" and not settings.p_decay


def theory(
    r: ArrayLike, p: ArrayLike, n_sparse: int | None = None, magnitude: str = "uniform"
) -> dict[str, Any]:
    """The levels of sections 4, 5 and 12 as columns. Raises SettingError.

    Those of section 12 are left out of very large tables, and for other magnitudes. `n_sparse`
    matters to the end of training where few features are on.
    """
    import numpy as np

    from rugtui.theory.bounds import elementwise_and_oracle, linear
    from rugtui.theory.levels import levels
    from rugtui.theory.optimum import high_sparsity, optimum

    r, p = np.broadcast_arrays(np.asarray(r, dtype=float), np.asarray(p, dtype=float))
    more: dict[str, Any] = {}
    if MagnitudeLaw.parse(magnitude).is_usual:
        best = optimum(r, p)
        optimal = best.loss, best.a, best.b, best.sigma
        columns = [*optimal, linear(r, p), *elementwise_and_oracle(r, p), high_sparsity(r, p)]
        if r.size <= MOST_POINTS and len(np.unique(p)) <= MOST_P:
            more = structured(r, p, n_sparse)
    else:
        points = [levels(*map(float, one), magnitude) for one in zip(r.flat, p.flat, strict=True)]
        columns = [
            np.array([getattr(one, name) for one in points]).reshape(r.shape) for name in LEVELS
        ]
        more = {"magnitude": magnitude}
    by_name = dict(zip(LEVELS, columns, strict=True))
    loss = {"loss": by_name.pop("loss"), "loss_kind": "optimum"}
    return {"ratio": r, "p": p, **loss, **by_name, "theory_loss": loss["loss"], **more}


def structured(r: Any, p: Any, n_sparse: int | None) -> dict[str, Any]:
    """What lies below L*: the paired optimum, and the mixture of phases where training ends."""
    import numpy as np

    from rugtui.theory.hull import hull, lowest, size_that_matters
    from rugtui.theory.pairs import pairs

    paired = pairs(r, p)
    ends, least = np.empty(r.shape), np.empty(r.shape)
    phases = np.empty(r.shape, dtype=object)
    for place in np.ndindex(r.shape):
        ratio, one_p = float(r[place]), float(p[place])
        size = None if n_sparse is None else size_that_matters(n_sparse, one_p)
        mixtures = hull(one_p, size)
        ends[place], least[place] = mixtures.loss(ratio), lowest(one_p, size).loss(ratio)
        phases[place] = [
            {"structure": str(one.structure), "share": one.share, "ratio": one.ratio}
            for one in mixtures.phases(ratio)
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

    measured = statistics(weights, p, generator=np.random.default_rng(seed), rows=rows)
    spectrum = {
        "eigenvalues": np.real(measured.eigenvalues).tolist(),
        "eigenvalues_imaginary": np.imag(measured.eigenvalues).tolist(),
    }
    numbers = measured.numbers()
    names = ("gaussian", "exact", "exact_standard_error")
    losses = {f"loss_{name}": numbers.pop(name) for name in names}
    papers = paper_statistics(weights, p, generator=np.random.default_rng(seed))
    sizes = {"n_sparse": weights.n_sparse, "n_dense": weights.n_dense}
    ratio = min(weights.n_dense / weights.n_sparse, 1.0)
    levels = {
        name: value if isinstance(value, str) else np.asarray(value).item()
        for name, value in theory(ratio, p, weights.n_sparse, magnitude).items()
    }
    return {**levels, **sizes, **losses, **numbers, **spectrum, **dataclasses.asdict(papers)}


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
    """What replaces entries of `of_weights`, which are for a ReLU and uniform magnitudes; empty if
    these are meant.

    For other magnitudes the exact and Gaussian losses of a ReLU are known too, and for the identity
    the exact loss. For other activations they are None, and the loss is sampled. Raises
    WeightsError if weights lack the arrays that the activation learns.
    """
    import torch

    from rugtui.analysis.statistics import identity_loss
    from rugtui.api.rugs import EngineeredWeights
    from rugtui.models.constructions import dense
    from rugtui.training.data import chunks
    from rugtui.training.heldout import measure

    law, n_sparse = MagnitudeLaw.parse(magnitude), weights.n_sparse
    undefined = {} if law.is_usual else dict.fromkeys(UNIFORM_ONLY)
    if activation == "relu":
        return undefined | (
            {} if law.is_usual else _exact_of_law(weights, p, magnitude, rows, seed)
        )
    exact = identity_loss(weights, p, law) if activation == "identity" else None
    generator = torch.Generator().manual_seed(seed)
    batches = chunks(n_sparse, p, SAMPLES, generator=generator, cells=ENTRIES_AT_ONCE, law=law)
    if isinstance(weights, EngineeredWeights):
        weights = weights.dense()
    k = k or kept_outputs(p, n_sparse)
    return undefined | _sampled(measure(dense(weights), batches, activation=activation, k=k), exact)


def losses_on_data(settings: Settings, weights: Dense) -> dict[str, float | int | None]:
    """The same on the data of a run whose features are not alike or not independent: there is no
    formula, and the loss is sampled."""
    import torch

    from rugtui.training.heldout import measure
    from rugtui.training.source import Source

    source = Source(torch.Generator().manual_seed(settings.seed), weights.b.device, weights.b.dtype)
    batches = source.draw_many(settings.replace(batch=SAMPLES_AT_ONCE), SAMPLES)
    k = settings.outputs_kept
    return _sampled(measure(weights, batches, activation=settings.activation, k=k), None)


def _sampled(loss: Estimate, exact: float | None) -> dict[str, float | int | None]:
    return {
        "loss_gaussian": exact,
        "loss_exact": exact,
        "loss_exact_standard_error": None if exact is None else 0.0,
        "loss_sampled": loss.mean,
        "loss_sampled_standard_error": loss.standard_error,
        "samples": SAMPLES,
    }


def _exact_of_law(
    weights: Weights, p: float, magnitude: str, rows: int | None, seed: int
) -> dict[str, float | int | None]:
    """The exact and the Gaussian loss with a ReLU, of rows drawn at random if there are many."""
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
