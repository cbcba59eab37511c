"""The verdict: a sentence that interprets the losses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rugtui.analysis import numbers
from rugtui.settings.settings import GROUPED, Settings

if TYPE_CHECKING:  # they load SciPy, which the screen's first paint must not wait for
    from rugtui.analysis.statistics import Statistics
    from rugtui.theory.levels import Levels, StructuredLevels

NEAR = 0.01
"""Relative distance from L* within which a loss counts as being there."""
WORTH_MENTIONING = 0.05
"""Relative difference of Gaussian and exact loss that is worth mentioning."""
PREDOMINANT, NOTABLE = 0.4, 0.05
"""Share of features in a structure from which it is called the structure of the weights, and
share from which it is mentioned."""
SIGNIFICANT = 3.0
"""Standard errors below which a difference is not significant, unless they exceed WORTH_MENTIONING:
a loss with such noise cannot be said to be on a plateau."""
MAIN_CAUSE = 0.5
"""Least share in a difference of the cause that is named."""
SKEWED, FEW_INTERFERERS, FAR_FROM_GAUSSIAN = -0.3, 0.05, 0.02
"""Skew of W, effective interferers as a share of all, and distance (KS) from a Gaussian beyond
which interference is called skewed, of few features, or not Gaussian."""


def verdict(
    loss: float,
    standard_error: float,
    levels: Levels,
    measured: Statistics | None,
    below: StructuredLevels | None = None,
    *,
    rug: bool = False,
    begins: bool = True,
    gaussian: bool = False,
) -> str:
    """Where a live loss stands among the levels of theory, and the main cause if there is one.

    L* is a prediction for the symmetric model, not a bound: a trained loss may be below it (section
    8), and near one of the levels `below` (section 12). `begins`: whether a high loss may be that
    of the first steps; `gaussian`: whether it is the Gaussian loss of the weights.
    """
    if not math.isfinite(loss):
        return ""
    structure = _structure(loss, levels, measured, below)
    said = [structure or _place(loss, standard_error, levels, measured, rug, begins)]
    if structure and rug:
        said = [f"The rug: {structure[0].lower()}{structure[1:]}"]
    if gaussian:
        said = [f"Gaussian loss {said[0][0].lower()}{said[0][1:]}"]
    if measured is not None and measured.exact > 0:
        off = numbers.quotient(measured.gaussian, measured.exact) - 1
        if abs(off) > WORTH_MENTIONING and _interference_matters(measured):
            why = _interference(measured)
            why = f": {why}" if why and why not in said[0] else ""
            far = f"{100 * abs(off):.0f} % {_side(off)}" if off < 9 else f"{off + 1:.3g} times"
            said.append(f"Gaussian(W) is {far} exact(W){why}.")
    return " ".join(said)


def _structure(
    loss: float, levels: Levels, measured: Statistics | None, below: StructuredLevels | None
) -> str:
    """Which structure the weights have if they are below L*, and the nearest level below L*."""
    if measured is None or below is None or not 0 < loss < (1 - WORTH_MENTIONING) * levels.loss:
        return ""
    shares = (
        (measured.pairs_share, "in mutual pairs"),
        (measured.singles_share, "single"),
        (measured.abandoned_share, "abandoned"),
    )
    told = [f"{100 * share:.0f} % {name}" for share, name in shares if share >= NOTABLE]
    if sum(share for share, _ in shares) >= PREDOMINANT:
        said = ", ".join([told[0].replace("% ", "% of features are ", 1), *told[1:]])
    elif measured.partner_norm_share >= PREDOMINANT / 2 and measured.partners >= 1:
        said = ", ".join([f"A row has {measured.partners:.1f} strong negative partners", *told])
    else:
        return ""
    marks = {"predicted end of training": below.loss_end}
    if below.loss_lowest < below.loss_end:
        marks["lowest loss known"] = below.loss_lowest
    if measured.pairs_share >= PREDOMINANT:
        marks["paired optimum"] = below.loss_pairs
    name, mark = min(marks.items(), key=lambda known: abs(math.log(loss / known[1])))
    off = loss / mark - 1
    where = (
        f"within {max(100 * abs(off), 1):.0f} % of the"
        if abs(off) < WORTH_MENTIONING
        else f"{100 * abs(off):.0f} % {_side(off)} the"
    )
    return f"{said}: {where} {name}, {100 * loss / levels.loss:.0f} % of L*."


def _place(
    loss: float, error: float, levels: Levels, measured: Statistics | None, rug: bool, begins: bool
) -> str:
    side, where = standing(loss, error, levels.loss)
    if side == "at":
        return f"The rug is {where}." if rug else f"On the symmetric plateau: {where}."
    why = "" if measured is None else _cause(levels, measured, loss - levels.loss)
    why = f": {why}" if why else ""
    if rug:
        return f"The rug is {where}{why}."
    if side == "below":
        return f"{where.removesuffix('L*')}the symmetric prediction L*{why}."
    if loss > levels.linear:
        why = ": it has just begun" if begins else why
        return f"{where}, and above the linear optimum too{why}."
    return f"{where}, below the linear optimum{why}."


def _cause(levels: Levels, measured: Statistics, off: float) -> str:
    """The cause of at least half of the difference between the exact loss and L*, if there is one.

    The difference is a sum of three: of interference that is not Gaussian; of rows that differ in
    their diagonal, bias or noise; and of an average row that is not at the optimum.
    """
    from rugtui.theory import gaussian

    difference = measured.exact - levels.loss
    if difference * off <= 0 or measured.p != levels.p:
        return ""  # weights and loss are not of the same moment
    mean = (measured.diagonal_mean, measured.bias_mean, measured.noise_mean)
    spread = (measured.diagonal_spread, measured.bias_spread, measured.noise_spread)

    def loss_at(place: int = 0, shift: float = 0.0) -> float:
        a, b, sigma = (value + shift * (k == place) for k, value in enumerate(mean))
        return float(gaussian.loss(a, b, max(sigma, 0.0), measured.p))

    average = loss_at()
    varying = max(range(3), key=lambda k: loss_at(k, spread[k]) + loss_at(k, -spread[k]))
    name = ("the diagonal varies", "the bias varies", "the noise varies")[varying]
    parts = {
        f"{name} ({mean[varying]:.2f} ± {spread[varying]:.2f})": measured.gaussian - average,
        "the average row is not at the optimum": average - levels.loss,
    }
    if _interference_matters(measured):
        parts[_interference(measured)] = measured.exact - measured.gaussian
    main = max(parts, key=lambda cause: parts[cause] / difference)
    return main if parts[main] / difference >= MAIN_CAUSE else ""


def _interference_matters(measured: Statistics) -> bool:
    """Whether the Gaussian and the exact loss differ by more than the error of sampled rows."""
    return abs(measured.exact - measured.gaussian) > SIGNIFICANT * measured.exact_standard_error


def _interference(measured: Statistics) -> str:
    """In what way interference is not Gaussian; empty if no statistic shows it."""
    others = measured.n_sparse - 1
    if measured.skew <= SKEWED:
        return f"interference is skewed (skew of W {measured.skew:.1f})"
    if 0 < measured.interferers < FEW_INTERFERERS * others:
        return f"few features interfere with each ({measured.interferers:.0f} of {others:,})"
    if measured.kolmogorov_smirnov >= FAR_FROM_GAUSSIAN:
        return f"interference is not Gaussian (KS {measured.kolmogorov_smirnov:.2f})"
    return ""


def standing(
    loss: float, standard_error: float, best: float
) -> tuple[Literal["below", "at", "above"], str]:
    """Where a loss stands relative to L* (`best`), and that in words, from the ratio of the two
    numbers as screens show them."""
    ratio = numbers.quotient(loss, best)
    off = (ratio if math.isfinite(ratio) else math.inf) - 1
    noise = SIGNIFICANT * standard_error / best if standard_error > 0 and best > 0 else 0.0
    if abs(off) <= max(NEAR, min(noise, WORTH_MENTIONING)):
        return "at", f"within {max(abs(off), 0.001):.1%} of L*".replace("%", " %")
    if off < 0:
        return "below", f"{-off:.0%} below L*".replace("%", " %")
    return "above", f"{off:.0%} above L*".replace("%", " %") if off < 1 else f"{ratio:.3g} times L*"


def _side(off: float) -> str:
    return "above" if off > 0 else "below"


def death(dead: int, settings: Settings) -> str:
    """A sentence about outputs that are 0 for every input, if there are any."""
    if dead == settings.n_sparse:
        cure = "with other weights (init)"
        if settings.method == "sgd" and settings.learning_rate > settings.usual_rate:
            cure = f"with a lower learning rate, lr {settings.usual_rate:.2g} say"
        return (
            "All outputs are dead: no gradient reaches the weights, and nothing more is learned; "
            f"start again {cure}."
        )
    of = f"{dead:,} of {settings.n_sparse:,} outputs"
    return f"{of} {'is' if dead == 1 else 'are'} dead: 0 for every input." if dead else ""


def comparable(settings: Settings) -> bool:
    """Whether the loss of these settings can be compared with L*."""
    same = settings.data == "bernoulli" and not settings.p_decay and not settings.importance
    return settings.activation == "relu" and same


def measured_for(settings: Settings) -> bool:
    """Whether Gaussian(W), exact(W) and the levels below L* apply to these settings."""
    return comparable(settings) and settings.law.is_usual


def has_levels(settings: Settings) -> bool:
    """Whether the loss can be compared with the levels of theory, whose features are all alike."""
    alike = not settings.importance and not settings.p_decay
    return alike and settings.data not in GROUPED


def caveat(settings: Settings) -> str:
    """Which predictions do not hold for these settings; empty if all do."""
    return " ".join(_caveats(settings))


def _caveats(settings: Settings) -> Iterator[str]:
    if settings.activation == "identity":
        yield (
            "Without an activation, linear is the least possible loss; Gaussian(W), exact(W) and "
            "L* assume a ReLU."
        )
    elif settings.activation == "topk":
        yield (
            "Gaussian(W), exact(W) and L* assume a ReLU, not topk, which compares outputs: "
            "elementwise does not bound it, oracle does, for symmetric weights."
        )
    elif settings.activation != "relu":
        yield (
            f"Gaussian(W), exact(W) and L* assume a ReLU, not {settings.activation}, which sees "
            "one pre-activation at a time: elementwise bounds it for symmetric weights, and so "
            "does oracle."
        )
    if settings.importance:
        yield "The loss is weighted by importance, and the levels of theory are not."
    if settings.data == "one":
        yield (
            "The levels of theory assume independent features with p = 1/n_sparse = "
            f"{settings.p_on:.3g}, not exactly one that is on."
        )
    elif settings.data in GROUPED:
        yield (
            f"Theory does not apply to {settings.data} features: interference is then no sum of "
            "independent terms, and which features share dimensions matters."
        )
    if settings.p_decay:
        yield (
            "Theory does not apply to features with different p: the best model treats them "
            "differently, and L* is of features that are all alike."
        )
    if not settings.law.is_usual:
        yield (
            f"The levels are of magnitudes {settings.magnitude}; Gaussian(W), exact(W), the noise "
            "of rows, L_pairs, L_end and the rug are of magnitudes uniform on [0, 1]."
        )
    if not settings.bias:
        yield "L*, high sparsity and linear have a bias; Gaussian(W) and exact(W) need none."
