"""`rugtui predict`: theory for (r, p), for ranges of them, or for a weights file."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from rugtui.analysis.glossary import LOSSES
from rugtui.cli.options import OF_FILE, PathOption, SettingType, Written, names_option, with_names
from rugtui.cli.output import emit, json_option, readable, write_json_line
from rugtui.errors import SettingError, UsageError
from rugtui.runtime.characters import printable
from rugtui.settings.law import MagnitudeLaw
from rugtui.settings.ranges import numbers
from rugtui.settings.settings import Activation, Settings, declared, dense_from_ratio
from rugtui.vocabulary import with_old_names

UNSAID_ACTIVATION = "it does not say its activation: these are the losses of a ReLU (--activation)."
SAMPLED = "no formula is known for the activation {}: its loss is loss_sampled."
UNSAID_P = f"it does not say its p: losses are taken at {Settings().p:g} (--p)."
SPECTRUM = ("eigenvalues", "eigenvalues_imaginary")
"""Columns that only JSON has, because they are too long."""
WORDS = {
    "theory_loss": "loss",
    "loss_pairs": "pairs",
    "loss_end": "end",
    "loss_lowest": "lowest",
    "loss_gaussian": "gaussian",
    "loss_exact": "exact",
    "high_sparsity": "high_sparsity",
}
"""Names in JSON, and what the dashboard calls them (in its glossary)."""
PHASE = {
    "none": "unstructured",
    "lopsided": "in lopsided pairs",
    "single": "single",
    "abandoned": "abandoned",
}
"""Structures whose names say too little in a sentence."""
PAIRS_MOST, LAW_PAIRS_MOST = 1_000_000, 2_000
"""More would take minutes and gigabytes."""


@click.command(name="predict")
@click.argument("file", required=False, type=PathOption())
@click.option("--p", "p_text", metavar="P", help="Probability that a feature is on.  [0.05]")
@click.option("--ratio", "ratio_text", metavar="R", help="r = n_dense / n_sparse.  [0.25]")
@click.option("--n-sparse", metavar="N", help="Features, with --n-dense another way to say r.")
@click.option("--n-dense", metavar="N", help="Hidden dimensions.")
@click.option("--rows", type=click.IntRange(2), help="Sample this many rows of FILE.  [all]")
@click.option("--seed", type=click.IntRange(0), help="Which rows are sampled.  [0]")
@click.option(
    "--activation",
    type=SettingType(declared("activation")),
    help=f"{OF_FILE} what follows W x + b.",
)
@click.option(
    "--k", type=SettingType(declared("k")), help=f"{OF_FILE} outputs that topk keeps.  [p n_sparse]"
)
@click.option(
    "--magnitude", type=SettingType(declared("magnitude")), help="Law of a feature that is on."
)
@names_option
@click.option("--csv", "as_csv", is_flag=True, help="Print a table of comma-separated values.")
@json_option
def command(
    file: Path | None,
    p_text: str | None,
    ratio_text: str | None,
    n_sparse: str | None,
    n_dense: str | None,
    rows: int | None,
    seed: int | None,
    activation: Written | None,
    k: Written | None,
    magnitude: Written | None,
    names: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """The loss in theory: L*(r, p), its optimum and other levels; or the losses of FILE's weights.

    --p and --ratio may be lists (0.1,0.2) or ranges (0.05:0.8:16, 1e-4:0.1:7:log): the answer is
    then a table of every pair. Below L* are loss_pairs, the paired optimum, and loss_end, where
    training ends as far as is known, a mixture of phases (not in the largest tables).

    FILE is a run, or a file of NumPy, safetensors or PyTorch with W_in, W_out and b, or with the
    names of many other projects (README); FILE#NAME chooses where it has several.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv are two formats: give one of them.")
    if file is None:
        for name, given, what in (
            ("rows", rows, "samples rows"),
            ("seed", seed, "chooses rows"),
            ("activation", activation, "follows the weights"),
            ("k", k, "is how many outputs the activation keeps"),
            ("names", names, "says which array is what"),
        ):
            if given is not None:
                raise UsageError(f"--{name} {what} of a FILE, and none is given: leave it out.")
    if seed is not None and rows is None:
        raise UsageError("--seed chooses rows, and all are taken: add --rows N, or leave it out.")
    features = None
    if file is not None:
        if any(text is not None for text in (ratio_text, n_sparse, n_dense)):
            raise UsageError(f"{file} has its own n_sparse and n_dense: leave them out.")
        model = {
            name: None if one is None else one.value
            for name, one in (("activation", activation), ("k", k), ("magnitude", magnitude))
        }
        answers = _of_file(with_names(file, names), p_text, rows, seed or 0, **model)
    else:
        if activation is not None or names is not None:
            raise UsageError("--activation and --names are for a FILE of weights: name one.")
        p_values = _each("p", p_text, Settings().p)
        ratios = _ratios(ratio_text, n_sparse, n_dense)
        if (count := len(ratios) * len(p_values)) > PAIRS_MOST:
            raise UsageError(
                f"{count:,} pairs (r, p) are too many: ask for {PAIRS_MOST:,} at most."
            )
        from rugtui.api.predictions import predict

        law = "uniform" if magnitude is None else magnitude.value
        if count > LAW_PAIRS_MOST and not MagnitudeLaw.parse(law).is_usual:
            raise UsageError(
                f"{count:,} pairs (r, p) are too many for magnitudes {law}, a tenth of a second "
                f"each: ask for {LAW_PAIRS_MOST:,} at most."
            )
        pairs = list(zip(*itertools.product(ratios, p_values), strict=True))
        if n_sparse is not None:
            features = declared("n_sparse").parse(n_sparse)
        answers = predict(pairs[0], pairs[1], n_sparse=features, magnitude=law).rows
    _show(answers, features, as_json=as_json, as_csv=as_csv)


def _each(name: str, text: str | None, default: float) -> list[float]:
    values = [default] if text is None else numbers(name, text)
    for value in values:
        declared(name).parse(repr(value))
    return values


def _ratios(ratio_text: str | None, n_sparse: str | None, n_dense: str | None) -> list[float]:
    if ratio_text is not None:
        if n_dense is not None:
            raise UsageError("--ratio and --n-dense both say r: give one of them.")
        ratios = numbers("ratio", ratio_text)
        for ratio in ratios:
            if not 0 < ratio <= 1:
                raise SettingError("ratio", "a number above 0 and at most 1", ratio)
        if n_sparse is None:
            return ratios
        features = declared("n_sparse").parse(n_sparse)
        return [dense_from_ratio(ratio, features) / features for ratio in ratios]
    sizes = {
        name: declared(name).parse(text)
        for name, text in {"n_sparse": n_sparse, "n_dense": n_dense}.items()
        if text is not None
    }
    return [Settings(**sizes).ratio]


def _of_file(
    file: str,
    p_text: str | None,
    rows: int | None,
    seed: int,
    *,
    activation: Activation | None,
    k: int | None,
    magnitude: str | None,
) -> list[dict[str, Any]]:
    """Theory at the file's own r, and the losses of its weights, at each p."""
    from rugtui.api.predictions import losses_with, of_weights
    from rugtui.models.weight_files.weight_file import read_weight_file

    if is_run(file):
        return _of_run(file, p_text, rows, seed, activation=activation, k=k, magnitude=magnitude)
    found = read_weight_file(file)
    said = found.said
    click.echo(f"rugtui: {printable(found.report)}", err=True)
    if activation is None:
        said.require_known()
        activation = said.activation or "relu"
        if said.activation is None:
            click.echo(f"rugtui: {UNSAID_ACTIVATION}", err=True)
    if k is not None and activation != "topk":
        raise UsageError(f"--k has no effect with the activation {activation}: leave it out.")
    if activation not in ("relu", "identity"):
        click.echo(f"rugtui: {SAMPLED.format(activation)}", err=True)
    if p_text is None and said.p is None:
        click.echo(f"rugtui: {UNSAID_P}", err=True)
    p_values = _each("p", p_text, said.p or Settings().p)
    known: Any = {"rows": rows, "seed": seed, "magnitude": magnitude or said.magnitude or "uniform"}
    return [
        of_weights(found.weights, p, **known)
        | {"activation": activation}
        | losses_with(activation, found.weights, p, k=k or said.k, **known)
        for p in p_values
    ]


def is_run(file: str) -> bool:
    """Whether this is a run or a snapshot, and not a file of weights."""
    from rugtui.storage.run_directory import all_runs

    if Path(file).is_dir():
        return True
    return not Path(file).exists() and any(run.name.startswith(file) for run in all_runs())


def _of_run(
    run: str, p_text: str | None, rows: int | None, seed: int, **options: Any
) -> list[dict[str, Any]]:
    """The same of the newest weights of a run or snapshot, which knows its settings."""
    from rugtui.analysis.verdict import caveat
    from rugtui.api.predictions import predict
    from rugtui.storage.load import load

    settings = load(run).settings
    if about := caveat(settings):
        click.echo(f"rugtui: {about}", err=True)
    p_values = _each("p", p_text, settings.p_on)
    found = predict(run, p_values, rows=rows, seed=seed, **options).rows
    return [one | {"activation": options["activation"] or settings.activation} for one in found]


def _show(
    answers: list[dict[str, Any]], n_sparse: int | None, *, as_json: bool, as_csv: bool
) -> None:
    if as_json:
        named = [with_old_names("predict", answer) for answer in answers]
        # One point also has its numbers at the top, where they were before there was a list.
        write_json_line({"predictions": named, **(named[0] if len(named) == 1 else {})})
        return
    for answer in answers:
        for name in SPECTRUM:
            answer.pop(name, None)
        if "phases" in answer:
            answer["phases"] = " + ".join(map(_phase, answer["phases"]))
    if as_csv:
        rows = [with_old_names("predict", answer) for answer in answers]
        table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        return
    if len(answers) == 1:
        for line in _explained(answers[0], n_sparse):
            click.echo(f"rugtui: {line}", err=True)
    words = {name: LOSSES[key].name for name, key in WORDS.items()}
    if answers[0].get("loss_kind") == "optimum":  # which is L*, and is there by that name
        for answer in answers:
            answer["loss"] = answer.pop("theory_loss", answer["loss"])
            del answer["loss_kind"]
        words["loss"] = LOSSES["loss"].name
    if len(answers) == 1:
        emit(answers[0], False, words=words)
    else:
        shown = [name for name in answers[0] if name != "phases"]
        click.echo("".join(f"{words.get(name, name):>14}" for name in shown))
        for answer in answers:
            click.echo("".join(f"{readable(answer[name]):>14}" for name in shown))


def _phase(one: dict[str, Any]) -> str:
    where = PHASE.get(one["structure"], f"in {one['structure']}")
    return f"{one['share']:.0%} of features {where} at r {one['ratio']:.3g}"


def _explained(answer: dict[str, Any], n_sparse: int | None) -> Iterator[str]:
    """Where the weights stand, if there are any, and which levels are those of this size."""
    loss = answer.get("loss_exact")  # what has none is on other data, or no ReLU: L* is not of it
    if loss and answer["theory_loss"]:
        ratio = loss / answer["theory_loss"]
        side = "above" if ratio > 1 else "below"
        yield (
            f"These weights: exact loss {readable(loss)}, {abs(ratio - 1):.1%} {side} "
            f"L* = {readable(answer['theory_loss'])}."
        )
    from rugtui.theory.hull import size_that_matters

    n_sparse = answer.get("n_sparse", n_sparse)
    if n_sparse and "loss_end" in answer and size_that_matters(n_sparse, answer["p"]):
        yield (
            f"L_end and the lowest known loss are for n_sparse {n_sparse:,}, where few are on "
            "at a time; the other levels are for n_sparse → ∞."
        )
