"""The names of numbers in JSON, tables and files, each with its unit and meaning.

Every command's JSON object has `schema_version`. Names are only ever added; one that was replaced
by a better one stays beside it for one release (`OLD`). `schema` makes a command's JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

SCHEMA_VERSION = 1
LossKind = Literal["heldout", "gaussian", "exact", "optimum", "linear"]
LOSS = "mean squared error per feature"


@dataclass(frozen=True, slots=True)
class Name:
    """A number or text: its JSON type ("null" too where it may be missing), unit and meaning."""

    type: str
    meaning: str
    unit: str = ""


def _loss(meaning: str) -> Name:
    return Name("number null", meaning, LOSS)


def _error(of: str) -> Name:
    return Name("number null", f"standard error of {of}; 0 for a formula", LOSS)


NAMES: dict[str, Name] = {
    "schema_version": Name("integer", "version of these names; raised if one is removed"),
    # sizes
    "n_sparse": Name("integer", "features of the data", "features"),
    "n_dense": Name("integer", "hidden dimensions", "dimensions"),
    "ratio": Name("number", "r = n_dense / n_sparse"),
    "p": Name("number null", "probability that a feature is on; null if a file does not say"),
    "method": Name("string null", "sgd (from samples) or population (minimises the Gaussian loss)"),
    "construction": Name("string null", "how a rug was built: hadamard, dct, pairs, vote:4, …"),
    "kind": Name("string", "of weights: trained (SGD), population, rug, theory, linear, or file"),
    "seed": Name("integer null", "seed of weights and data"),
    "activation": Name("string", "activation function, applied to W x + b"),
    "magnitude": Name("string", "distribution of a feature that is on; uniform: on [0, 1]"),
    # losses
    "loss": _loss("the loss; loss_kind says which"),
    "loss_kind": Name(
        "string null",
        "which loss `loss` is: heldout (fresh samples), gaussian, exact, optimum (L*), or linear",
    ),
    "loss_standard_error": _error("loss"),
    "loss_gaussian": _loss("loss of the weights if interference were Gaussian"),
    "loss_exact": _loss("loss of the weights, exact at this size"),
    "loss_exact_standard_error": _error("loss_exact over the rows of W"),
    "loss_sampled": _loss("loss on samples"),
    "loss_sampled_standard_error": _error("loss_sampled"),
    "theory_loss": _loss("L*(r, p), of the best symmetric model: a prediction, not a bound"),
    "linear": _loss("loss of the best linear model"),
    "elementwise": _loss("loss of the best decoder that sees one pre-activation at a time"),
    "oracle": _loss("loss of a decoder that is told which features are on"),
    "bound": Name("string", "the level that bounds an activation: elementwise, oracle or linear"),
    "loss_bound": _loss("loss of that level; a bound for symmetric weights"),
    "loss_over_theory": Name("number", "loss / L*"),
    "loss_over_end": Name("number", "loss / loss_end"),
    "loss_over_bound": Name("number", "loss / loss_bound"),
    "dead": Name("integer", "outputs that are 0 for every input", "outputs"),
    "high_sparsity": _loss("L* as p goes to 0"),
    "smoothed": _loss("training loss, averaged over recent results"),
    "heldout": _loss("loss on samples that training never sees"),
    "heldout_standard_error": _error("heldout"),
    # the symmetric optimum
    "a": Name("number", "diagonal of W at the symmetric optimum"),
    "b": Name("number", "bias at the symmetric optimum, plus the mean of the interference"),
    "sigma": Name("number", "standard deviation of the interference at the symmetric optimum"),
    # below L*
    "loss_pairs": _loss("loss of the best antipodal pairs at (r, p)"),
    "a_pairs": Name("number", "diagonal of W in the best pairs"),
    "b_pairs": Name("number", "bias in the best pairs, without the mean of the interference"),
    "kappa_pairs": Name("number", "κ: a partner's weight is −κ times the diagonal"),
    "loss_end": _loss("L_end, where training should end: the best mixture of known structures"),
    "loss_lowest": _loss("lowest loss known at (r, p), whether training finds it or not"),
    "phases": Name("array", "structures in that mixture: structure, share (of features), ratio"),
    "parts": Name("array", "parts whose direct sum the weights are: structure, n_sparse, n_dense"),
    # statistics of weights
    "rows": Name("integer null", "rows of W used for loss_exact and the statistics", "rows"),
    "diagonal_mean": Name("number null", "mean of the diagonal of W"),
    "diagonal_spread": Name("number null", "standard deviation of the diagonal of W over rows"),
    "bias_mean": Name("number null", "mean of the bias plus the mean of the interference"),
    "bias_spread": Name("number null", "standard deviation of that bias over rows"),
    "noise_mean": Name("number null", "standard deviation σ of the interference, mean over rows"),
    "noise_spread": Name("number null", "standard deviation of that σ over rows"),
    "skew": Name("number null", "skewness of the entries of W off the diagonal"),
    "interferers": Name("number null", "effective number of entries of a row that interfere"),
    "lyapunov": Name("number null", "Lyapunov's ratio of a row; small: interference near Gaussian"),
    "kolmogorov_smirnov": Name("number null", "distance of the interference from a Gaussian"),
    "antisymmetric_share": Name("number null", "‖(W − Wᵀ)/2‖²/‖W‖²: 0 for a symmetric W"),
    "eigenvalues": Name("array", "real parts of the nonzero eigenvalues of W, largest first"),
    "eigenvalues_imaginary": Name("array", "their imaginary parts; both empty for a very large W"),
    "coherence": Name("number null", "largest |W_ij|/√(W_ii W_jj) off the diagonal"),
    "pairs_share": Name("number null", "share of features in mutual pairs"),
    "lopsidedness": Name("number null", "s ≥ 1 of these pairs: weights are −s and −1/s; 0: none"),
    "singles_share": Name("number null", "share of features with almost no interference"),
    "abandoned_share": Name("number null", "share of features with a diagonal near 0"),
    "partners": Name("number null", "strongly negative weights in a row, on average"),
    "partner_mean": Name("number null", "their mean, relative to the diagonal"),
    "partner_norm_share": Name("number null", "their share of Σ W_ij² of the row"),
    # the paper's quantities, as its code computes them
    "delta_diag": Name("number null", "the paper's Δ diag(W): variance of the diagonal over rows"),
    "delta_b": Name("number null", "the paper's Δ b: variance of the bias over rows, without μ"),
    "delta_var_nu": Name(
        "number null", "the paper's Δ Var ν: variance over rows of v Σ_j W_ij², diagonal included"
    ),
    "delta_mean_nu": Name(
        "number null", "the paper's Δ E ν: variance over rows of p/2 times the mean of W_ij over j"
    ),
    "lambda_max": Name(
        "number null", "the paper's Λ: largest Σ|W_ij|³/Σ W_ij² of a row, off the diagonal"
    ),
    "p_ks": Name(
        "number null",
        "the paper's p_KS: p-value of a test that 1,000 samples of ν of row 0 are normal",
    ),
    # a run
    "step": Name("integer", "optimizer steps so far", "steps"),
    "steps": Name("integer null", "optimizer steps done", "steps"),
    "stop_reason": Name("string", "why training or the sweep ended"),
    "seconds": Name("number null", "time of training, or of computing a cell", "s"),
    "steps_per_second": Name("number null", "steps / seconds", "1/s"),
    "lr": Name("number null", "learning rate"),
    "batch": Name("number null", "samples in a step; 0 for population training", "samples"),
    "k": Name("integer null", "outputs that the activation topk keeps in each sample"),
    "samples": Name("integer null", "samples for a loss measured on samples", "samples"),
    "device": Name("string null", "where it was computed"),
    "threads": Name("integer", "CPU threads that PyTorch used", "threads"),
    "run": Name("string null", "folder of the run; null if it is not saved"),
    "path": Name("string", "folder or file"),
    "state": Name("string", "live, paused, finished, failed, crashed or damaged"),
    "settings": Name("object null", "every setting by name"),
    # a sweep
    "out": Name("string", "folder of the sweep"),
    "cells": Name("integer", "cells of the grid", "cells"),
    "done": Name("integer", "cells computed", "cells"),
    "failed": Name("integer", "cells that failed", "cells"),
    "left": Name("integer", "cells still to compute", "cells"),
    "parquet": Name("string", "the table as Parquet"),
    "csv": Name("string", "the table as CSV"),
    "status": Name("string", "done or failed"),
    "error": Name("string null", "why a cell failed"),
    "traceback": Name("string null", "Python traceback of an unexpected error in a cell"),
    "first_error": Name("string null", "error of the first cell that failed"),
    "weights": Name("string null", "file of the weights in the sweep's folder"),
    # lists and the rest
    "predictions": Name("array", "one object for each point, even if there is only one"),
    "runs": Name("array", "one object for each run"),
    "figures": Name("array", "files written"),
    "works": Name("boolean", "whether everything works"),
    "checks": Name("object", "each check: value, works, advice"),
    "format": Name("string", "format of the file"),
    "output": Name("string", "file that was written"),
    "bytes": Name("integer", "size on disk", "bytes"),
    "name": Name("string", "name of the run"),
}

OLD: dict[str, dict[str, str]] = {
    "predict": {
        "r": "ratio",
        "bayes": "elementwise",
        "asymptotic": "high_sparsity",
        "gaussian": "loss_gaussian",
        "exact": "loss_exact",
        "exact_standard_error": "loss_exact_standard_error",
    },
    "rug": {"frame": "construction", "standard_error": "loss_sampled_standard_error"},
    "table": {"standard_error": "loss_standard_error"},
    "export": {
        "r": "ratio",
        "gaussian": "loss_gaussian",
        "exact": "loss_exact",
        "exact_standard_error": "loss_exact_standard_error",
    },
}
"""Old name → name by kind of object. Both are written in this release, only the new in the next."""

_THEORY = "ratio p loss loss_kind a b sigma linear elementwise oracle high_sparsity theory_loss"
_TRAIN = (
    "n_sparse n_dense ratio p method steps stop_reason seconds steps_per_second loss loss_kind "
    "loss_standard_error loss_gaussian theory_loss device threads seed run"
)
COMMANDS: dict[str, str] = {
    "predict": f"predictions / {_THEORY}",
    "rug": "construction n_sparse n_dense ratio p a b theory_loss loss_gaussian loss_exact "
    "loss_exact_standard_error",
    "train": _TRAIN,
    "resume": _TRAIN,
    "sweep": "out cells done failed left first_error stop_reason seconds parquet csv",
    "runs": "runs / name path state step seconds loss bytes settings",
    "open": "path kind step n_sparse n_dense ratio p loss_gaussian theory_loss settings",
    "watch": "name path state step seconds loss settings",
    "export": "format output bytes",
    "figures": "figures",
    "study": "runs",
    "doctor": "works checks",
}
"""Names that each command's JSON always has; after a slash, those of each entry of its list."""


def with_old_names(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` with the old names of a kind of object (a key of OLD) beside the new ones."""
    old = {name: facts[new] for name, new in OLD[kind].items() if new in facts}
    return {**facts, **old}


def with_new_names(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` that have old names, as snapshots do, with the new ones beside them."""
    new = {name: facts[old] for old, name in OLD[kind].items() if old in facts}
    return {**facts, **new}


def schema(command: str) -> dict[str, Any]:
    """The JSON Schema of what `rugtui COMMAND --json` prints. Raises KeyError."""
    top, _, inner = COMMANDS[command].partition(" / ")
    found = _object(["schema_version", *top.split()])
    if inner:
        found["properties"][top.split()[0]] = {"type": "array", "items": _object(inner.split())}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"rugtui {command} --json",
        **found,
    }


def _object(names: list[str]) -> dict[str, Any]:
    properties = {name: _property(name) for name in names}
    return {"type": "object", "properties": properties, "required": names}


def _property(name: str) -> dict[str, Any]:
    known = NAMES[name]
    types = known.type.split()
    found: dict[str, Any] = {"type": types if len(types) > 1 else types[0]}
    found["description"] = known.meaning + (f" ({known.unit})" if known.unit else "")
    if name == "loss_kind":
        found["enum"] = [*get_args(LossKind), None]
    if name == "schema_version":
        found["const"] = SCHEMA_VERSION
    return found


def markdown() -> str:
    """The table of all names, for the manual."""
    rows = []
    for name, one in NAMES.items():
        meaning = one.meaning.replace("|", "\\|")  # a bar would end the cell
        rows.append(f"| `{name}` | {one.unit or '–'} | {meaning} |")
    return "\n".join(["| name | unit | meaning |", "| --- | --- | --- |", *rows])


UNITS = {
    **{
        name: f"{one.meaning} ({one.unit})" if one.unit else one.meaning
        for name, one in NAMES.items()
        if one.type.split()[0] == "number" or one.unit
    },
    **{old: f"older name of {new}" for old, new in OLD["export"].items()},
}
"""What the numbers in exported files mean."""
