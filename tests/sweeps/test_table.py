"""The table in its three forms."""

import csv
import io
import math

import numpy as np
import torch

from rugtui.analysis.statistics import statistics
from rugtui.settings.settings import Settings
from rugtui.sweeps.table import TABLE_TYPES, TYPES, Row, csv_bytes, write_tables
from rugtui.training.initial import initial
from rugtui.vocabulary import NAMES
from tests.sweeps.in_process import read_parquet

PROMISED = (
    "n_sparse n_dense ratio p kind method seed loss standard_error loss_gaussian loss_exact "
    "theory_loss linear seconds error"
)
ROWS = [
    Row(
        128,
        32,
        0.25,
        0.1 + 0.2,
        "trained",
        method="sgd",
        seed=3,
        loss=1 / 3,
        rows=128,
        bias=True,
        tied=False,
        activation="tanh",
        data="one",
    ),
    Row(128, 32, 0.25, 1e-6, "rug", status="failed", error="diverged, as they say", seed=0),
]


def test_the_table_has_the_promised_columns():
    assert set(PROMISED.split()) <= set(TABLE_TYPES)
    assert set(TYPES.values()) == {int, float, str, bool}


def test_parquet_and_csv_keep_every_digit(tmp_path):
    write_tables(tmp_path, ROWS)
    assert read_parquet(tmp_path / "results.parquet") == ROWS
    (first, second) = csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text()))
    assert float(first["loss"]) == 1 / 3
    assert float(first["p"]) == 0.1 + 0.2
    assert first["error"] == first["loss_exact"] == ""
    assert second["error"] == "diverged, as they say"


def test_an_empty_table_still_has_its_columns(tmp_path):
    write_tables(tmp_path, [])
    assert read_parquet(tmp_path / "results.parquet") == []
    assert csv_bytes([]).decode().strip().split(",") == list(TABLE_TYPES)


def test_numbers_that_are_not_finite_become_none(tmp_path):
    row = Row(8, 2, 0.25, 0.1, "trained", loss=math.nan, standard_error=math.inf)
    write_tables(tmp_path, [row])
    (read,) = read_parquet(tmp_path / "results.parquet")
    assert read.loss is None
    assert read.standard_error is None


def test_every_statistic_has_a_column_and_a_meaning():
    weights = initial(Settings(n_sparse=16, n_dense=4), generator=torch.Generator())
    known = statistics(weights, 0.1, generator=np.random.default_rng(0)).numbers()
    losses = {"gaussian", "exact", "exact_standard_error"}  # there: loss_gaussian and so on
    assert known.keys() - losses <= TYPES.keys() & NAMES.keys()
