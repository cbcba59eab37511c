"""Figures of a sweep: the values in them."""

import dataclasses

import numpy as np
import pytest

from rugtui.errors import UsageError
from rugtui.reports.sweep_figures import chosen, sweep_figures
from rugtui.sweeps.quantities import QUANTITIES, Cells, best_loss
from rugtui.theory.optimum import optimum
from tests.reports.some import some_rows


def figure(name, rows=None, **known):
    return next(one for one in sweep_figures(rows or some_rows(), **known) if one.name == name)


def test_there_are_lines_and_maps_for_each_n_sparse():
    rows = some_rows() + some_rows(32, (4, 16))
    assert [one.name for one in sweep_figures(rows)] == [
        f"{name}-n{n}" for n in (16, 32) for name in ("loss-against-r", "loss-against-p", "maps")
    ]


def test_losses_are_at_the_values_of_the_rows():
    (panel,) = figure("loss-against-r-n16", fixed_p=[0.05]).panels
    series = {one.name: one for one in panel.series}
    assert set(series) == {"L*", "linear", "trained", "rug"}
    assert series["trained"].x.tolist() == [0.125, 0.25, 0.5]
    np.testing.assert_allclose(
        series["trained"].y, 1.1 * optimum(np.array([0.125, 0.25, 0.5]), 0.05).loss
    )
    best = np.interp(0.25, series["L*"].x, series["L*"].y)
    assert best == pytest.approx(float(optimum(0.25, 0.05).loss), rel=1e-3)


def test_a_map_has_a_gap_for_a_failed_cell():
    rows = some_rows()
    gone = next(row for row in rows if row.kind == "trained" and row.p == 0.1)
    rows[rows.index(gone)] = dataclasses.replace(gone, status="failed", error="NaN")
    maps = {one.title: one for one in figure("maps-n16", rows).panels}
    ratio = maps["trained over L*"]
    assert ratio.values.shape == (3, 4)
    assert np.isnan(ratio.values[0, 2])
    np.testing.assert_allclose(np.delete(ratio.values.ravel(), 2), 1.1)
    np.testing.assert_allclose(maps["skew"].values[1], -0.25)
    assert maps["skew"].middle == 0
    assert "KS" not in maps  # nobody measured it


def test_seeds_are_averaged():
    rows = some_rows()
    second = [dataclasses.replace(row, seed=1, skew=-row.ratio - 1) for row in rows]
    cells = Cells.of(16, [*rows, *second])
    skew = next(one for one in QUANTITIES if one.name == "skew")
    np.testing.assert_allclose(cells.values(skew)[1], -0.75)
    assert len(cells.at(1, 2, "trained")) == 2


def test_the_loss_with_the_smaller_error_is_used():
    row = next(one for one in some_rows() if one.kind == "trained")
    assert best_loss(row) == row.loss_exact
    assert best_loss(dataclasses.replace(row, loss_exact_standard_error=2.0)) == 9.0
    assert best_loss(dataclasses.replace(row, loss_exact=None)) == 9.0


def test_panels_are_at_the_given_values_or_spread_over_the_grid():
    values = np.array([0.01, 0.05, 0.2])
    assert chosen("p", values, [0.0501, 0.05, 0.2]) == [1, 2]
    with pytest.raises(UsageError, match=r"no p 0.5; it has 0.01, 0.05, 0.2"):
        chosen("p", values, [0.05, 0.5])
    assert chosen("p", np.geomspace(0.01, 1, 9), []) == [2, 4, 6]
    assert chosen("ratio", np.linspace(0.1, 0.9, 9), []) == [2, 4, 6]
    assert chosen("p", values, []) == [0, 1, 2]
