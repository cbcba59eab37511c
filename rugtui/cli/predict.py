"""`rugtui predict`: theory at (r, p), at ranges of them, or for given weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from rugtui.cli.options import (
    GivenValue,
    PathOption,
    SettingType,
    activation_option,
    k_option,
    names_option,
    whole_number_option,
    with_names,
)
from rugtui.cli.output import (
    csv_option,
    json_option,
    note,
    print_csv,
    print_json,
    print_result,
    print_rows,
    readable,
)
from rugtui.errors import SettingError, UsageError
from rugtui.settings.fields import numbers
from rugtui.settings.law import MagnitudeLaw
from rugtui.settings.settings import Settings, declared, dense_from_ratio
from rugtui.vocabulary import with_old_names

NO_ACTIVATION = "the file does not name its activation: losses are those with a ReLU (--activation)"
NO_FORMULA = "no formula is known for the activation {}: loss_sampled is its loss on samples"
NO_P = f"the file does not say its p: losses are those at p = {Settings().p:g} (--p)"
SPECTRUM = ("eigenvalues", "eigenvalues_imaginary")
"""Columns that only JSON has, because they are too long."""
PHASES = {
    "none": "unstructured",
    "lopsided": "in lopsided pairs",
    "single": "single",
    "abandoned": "abandoned",
}
"""What features of these structures are; those of others are "in" the structure."""
MOST_POINTS, MOST_LAW_POINTS = 1_000_000, 2_000
"""More would take minutes and gigabytes; the second is for other magnitudes."""


@click.command(name="predict")
@click.argument("file", required=False, type=PathOption())
@click.option("--p", "p_text", metavar="P", help="Probability that a feature is on.  [0.05]")
@click.option("--ratio", "ratio_text", metavar="R", help="r = n_dense / n_sparse.  [0.25]")
@click.option("--n-sparse", metavar="N", help="Features; with --n-dense another way to give r.")
@click.option("--n-dense", metavar="N", help="Hidden dimensions.")
@whole_number_option("--rows", 2, help="For a FILE: use this many rows of W.  [all]")
@whole_number_option("--seed", 0, help="Seed for the rows that --rows draws.  [0]")
@activation_option
@k_option
@click.option(
    "--magnitude",
    type=SettingType(declared("magnitude")),
    help="Magnitude of a feature that is on: uniform, normal, exponential, fixed or signed.  "
    "[uniform]",
)
@names_option
@csv_option
@json_option
def command(
    file: Path | None,
    p_text: str | None,
    ratio_text: str | None,
    n_sparse: str | None,
    n_dense: str | None,
    rows: int | None,
    seed: int | None,
    activation: GivenValue | None,
    k: GivenValue | None,
    magnitude: GivenValue | None,
    names: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Losses in theory at (r, p): L*, its optimum and other levels; or the losses of weights.

    --p and --ratio may be lists (0.1,0.2) or ranges (0.05:0.8:16, 1e-4:0.1:7:log): the answer is
    then a table of all pairs. Below L* are L_pairs, the loss of the best antipodal pairs, and
    L_end, where training should end, with the phases that coexist there (not in very large tables).

    FILE is a run, or a file of NumPy, safetensors or PyTorch with the arrays W_in, W_out and b, or
    those of many other projects (README). FILE#NAME chooses among several weights in it.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv are two formats: give one of them.")
    if file is not None and seed is not None and rows is None:
        raise UsageError("--seed draws rows, but all are used: add --rows N, or leave it out.")
    model: dict[str, Any] = {"activation": activation, "k": k, "magnitude": magnitude}
    model = {name: None if one is None else one.value for name, one in model.items()}
    features = None if n_sparse is None else declared("n_sparse").parse(n_sparse)
    if file is not None:
        if any(text is not None for text in (ratio_text, n_sparse, n_dense)):
            raise UsageError(f"{file} has its own n_sparse and n_dense: leave them out.")
        what, options = with_names(file, names), {"rows": rows, "seed": seed or 0, **model}
        answers = (_of_run if _is_run(what) else _of_file)(what, p_text, options)
    else:
        of_files = {"rows": rows, "seed": seed, "activation": activation, "k": k, "names": names}
        for name, given in of_files.items():
            if given is not None:
                raise UsageError(f"--{name} is for a FILE, and none is given: leave it out.")
        ratios, p_values = _ratios(ratio_text, features, n_dense), _p_values(p_text, None)
        answers = _of_points(ratios, p_values, features, model["magnitude"] or "uniform")
    _show(answers, features, as_json=as_json, as_csv=as_csv)


def _of_points(
    ratios: list[float], p_values: list[float], n_sparse: int | None, magnitude: str
) -> list[dict[str, Any]]:
    """Theory at all pairs. Raises UsageError if there are too many."""
    from rugtui.api.predictions import predict

    points, why = len(ratios) * len(p_values), ""
    most = MOST_POINTS
    if not MagnitudeLaw.parse(magnitude).is_usual:
        most, why = MOST_LAW_POINTS, f" for magnitudes {magnitude}, a tenth of a second each"
    if points > most:
        raise UsageError(f"{points:,} pairs (r, p) are too many{why}: ask for {most:,} at most.")
    r, p = zip(*itertools.product(ratios, p_values), strict=True)
    return predict(r, p, n_sparse=n_sparse, magnitude=magnitude).rows


def _p_values(text: str | None, default: float | None) -> list[float]:
    values = [default or Settings().p] if text is None else numbers("p", text)
    for value in values:
        declared("p").parse(repr(value))
    return values


def _ratios(ratio_text: str | None, n_sparse: int | None, n_dense: str | None) -> list[float]:
    """The ratios given, or that of the sizes; with n_sparse, those of whole n_dense."""
    if ratio_text is None:
        sizes: dict[str, Any] = {} if n_sparse is None else {"n_sparse": n_sparse}
        if n_dense is not None:
            sizes["n_dense"] = declared("n_dense").parse(n_dense)
        return [Settings(**sizes).ratio]
    if n_dense is not None:
        raise UsageError("--ratio and --n-dense both set r: give one of them.")
    ratios = numbers("ratio", ratio_text)
    for ratio in ratios:
        if not 0 < ratio <= 1:
            raise SettingError("ratio", "a number above 0 and at most 1", ratio)
    if n_sparse is None:
        return ratios
    return [dense_from_ratio(ratio, n_sparse) / n_sparse for ratio in ratios]


def _of_run(run: str, p_text: str | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Theory at the r of a run or a snapshot, and the losses of its weights, at each p; `options`
    are those of `api.predict`."""
    from rugtui.analysis.verdict import caveat
    from rugtui.storage.load import load

    settings = load(run).settings
    if warning := caveat(settings):
        note(warning)
    options = {**options, "activation": options["activation"] or settings.activation}
    return _of_weights(run, _p_values(p_text, settings.p_on), options)


def _of_file(file: str, p_text: str | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The same for a file of weights; notes say what it does not say itself."""
    from rugtui.models.weight_files.weight_file import read_weight_file

    weight_file = read_weight_file(file)
    note(weight_file.report)
    said, activation = weight_file.said, options["activation"]
    if activation is None:
        said.require_known()
        if said.activation is None:
            note(NO_ACTIVATION)
        activation = said.activation or "relu"
    if options["k"] is not None and activation != "topk":
        raise UsageError(f"--k has no effect with the activation {activation}: leave it out.")
    if activation not in ("relu", "identity"):
        note(NO_FORMULA.format(activation))
    if p_text is None and said.p is None:
        note(NO_P)
    k, magnitude = options["k"] or said.k, options["magnitude"] or said.magnitude
    options = {**options, "activation": activation, "k": k, "magnitude": magnitude}
    return _of_weights(weight_file.weights, _p_values(p_text, said.p), options)


def _of_weights(
    weights: Any, p_values: list[float], options: dict[str, Any]
) -> list[dict[str, Any]]:
    from rugtui.api.predictions import predict

    answers = predict(weights, p_values, **options).rows
    activation = {"activation": options["activation"]}
    sampled = ("loss_sampled", "loss_sampled_standard_error", "samples")
    # in a table the activation comes before what is sampled, as in earlier versions
    fronts = [{name: one[name] for name in one if name not in sampled} for one in answers]
    return [front | activation | one for front, one in zip(fronts, answers, strict=True)]


def _is_run(file: str) -> bool:
    """Whether this is a run or a snapshot, and not a file of weights."""
    from rugtui.storage.run_directory import all_runs

    if Path(file).is_dir():
        return True
    return not Path(file).exists() and any(run.name.startswith(file) for run in all_runs())


def _show(
    answers: list[dict[str, Any]], n_sparse: int | None, *, as_json: bool, as_csv: bool
) -> None:
    if as_json:
        named = [with_old_names("predict", answer) for answer in answers]
        # One point also has its numbers at the top, where they were before there was a list.
        print_json({"predictions": named, **(named[0] if len(named) == 1 else {})})
        return
    for answer in answers:
        for name in SPECTRUM:
            answer.pop(name, None)
        if "phases" in answer:
            answer["phases"] = " + ".join(map(_phase, answer["phases"]))
    if as_csv:
        print_csv([with_old_names("predict", answer) for answer in answers])
    elif len(answers) == 1:
        for sentence in _explained(answers[0], n_sparse):
            note(sentence)
        print_result(answers[0], False)
    else:
        for answer in answers:
            answer.pop("phases", None)
        print_rows(answers)


def _phase(one: dict[str, Any]) -> str:
    where = PHASES.get(one["structure"], f"in {one['structure']}")
    return f"{one['share']:.0%} of features {where} at r {one['ratio']:.3g}"


def _explained(answer: dict[str, Any], n_sparse: int | None) -> Iterator[str]:
    """How the weights compare with L*, if there are any, and which levels are for this size."""
    from rugtui.theory.hull import size_that_matters

    loss = answer.get("loss_exact")  # missing if L* does not apply: other data, or no ReLU
    if loss and answer["theory_loss"]:
        ratio = loss / answer["theory_loss"]
        side = "above" if ratio > 1 else "below"
        yield (
            f"These weights: exact loss {readable(loss)}, {abs(ratio - 1):.1%} {side} "
            f"L* = {readable(answer['theory_loss'])}."
        )
    n_sparse = answer.get("n_sparse", n_sparse)
    if n_sparse and "loss_end" in answer and size_that_matters(n_sparse, answer["p"]):
        yield (
            f"L_end and the lowest known loss are for n_sparse {n_sparse:,}, where few features "
            "are on at a time; the other levels are for n_sparse → ∞."
        )
