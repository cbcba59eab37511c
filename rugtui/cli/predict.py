"""`rugtui predict`: theory for (r, p), for ranges of them, or for a weights file."""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path
from typing import Any

import click

from rugtui.cli.output import emit, json_option, readable, write_json_line
from rugtui.errors import SettingError, UsageError
from rugtui.settings.ranges import numbers
from rugtui.settings.settings import Settings, declared, dense_from_ratio
from rugtui.vocabulary import with_old_names

PAIRS_MOST = 1_000_000
"""More would take minutes, and gigabytes."""


@click.command(name="predict")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--p", "p_text", metavar="P", help="Probability that a feature is on.  [0.05]")
@click.option("--ratio", "ratio_text", metavar="R", help="r = n_dense / n_sparse.  [0.25]")
@click.option("--n-sparse", metavar="N", help="Features, with --n-dense another way to say r.")
@click.option("--n-dense", metavar="N", help="Hidden dimensions.")
@click.option("--rows", type=click.IntRange(2), help="Sample this many rows of FILE.  [all]")
@click.option("--seed", type=click.IntRange(0), help="Which rows are sampled.  [0]")
@click.option("--csv", "as_csv", is_flag=True, help="A table of comma-separated values.")
@json_option
def command(
    file: Path | None,
    p_text: str | None,
    ratio_text: str | None,
    n_sparse: str | None,
    n_dense: str | None,
    rows: int | None,
    seed: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """What the loss must be: L*(r, p), its optimum and its bounds; or that of the weights in FILE.

    --p and --ratio may be lists (0.1,0.2) or ranges (0.05:0.8:16, 1e-4:0.1:7:log): the answer is
    then a table of every pair. FILE is .npz, .safetensors or .pt with W_in, W_out and b.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv both say how to answer: give one of them.")
    if file is None and rows is not None:
        raise UsageError("--rows samples rows of a FILE, and none is given: leave it out.")
    if file is None and seed is not None:
        raise UsageError("--seed chooses rows of a FILE, and none is given: leave it out.")
    if seed is not None and rows is None:
        raise UsageError("--seed chooses rows, and all are taken: add --rows N, or leave it out.")
    p_values = _each("p", p_text, Settings().p)
    if file is not None:
        if any(text is not None for text in (ratio_text, n_sparse, n_dense)):
            raise UsageError(f"{file} has its own n_sparse and n_dense: leave them out.")
        answers = [_of_file(file, p, rows, seed or 0) for p in p_values]
    else:
        ratios = _ratios(ratio_text, n_sparse, n_dense)
        if (count := len(ratios) * len(p_values)) > PAIRS_MOST:
            raise UsageError(
                f"{count:,} pairs (r, p) are too many: ask for {PAIRS_MOST:,} at most."
            )
        from rugtui.api.predictions import predict

        pairs = list(zip(*itertools.product(ratios, p_values), strict=True))
        answers = predict(pairs[0], pairs[1]).rows
    _show(answers, as_json=as_json, as_csv=as_csv)


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


def _of_file(file: Path, p: float, rows: int | None, seed: int) -> dict[str, Any]:
    """Theory at the file's own r, and the Gaussian and exact loss of its weights."""
    from rugtui.api.predictions import predict
    from rugtui.models.weight_files.weight_file import read_weights

    return dict(predict(read_weights(file), p, rows=rows, seed=seed))


def _show(answers: list[dict[str, Any]], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        named = [with_old_names("predict", answer) for answer in answers]
        # One point also has its numbers at the top, where they were before there was a list.
        write_json_line({"predictions": named, **(named[0] if len(named) == 1 else {})})
    elif as_csv:
        rows = [with_old_names("predict", answer) for answer in answers]
        table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    elif len(answers) == 1:
        emit(answers[0], False)
    else:
        for row in (answers[0].keys(), *(answer.values() for answer in answers)):
            click.echo("".join(f"{readable(value):>14}" for value in row))
