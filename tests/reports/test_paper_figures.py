"""The paper's figures: the values in their maps, lines and histograms."""

import dataclasses

import numpy as np
import pytest
import torch

from rugtui.analysis.glossary import PAPER
from rugtui.models.dense import Dense
from rugtui.reports import paper_figures as drawn
from rugtui.reports.figure import ColourRange
from rugtui.reports.matplotlib_figures import drawn as on_paper
from rugtui.reports.paper_figures import corner_figure, paper_figures, rank, unmeasured
from rugtui.tui.charts.palette import picture_colours
from tests.reports.some import some_rows

COLOURS = picture_colours(dark=False)


def measured(n_sparse, *, factor=1.0):
    """Rows in which every quantity of the paper has a different number."""
    numbers = {name: factor * (k + 1) for k, name in enumerate(PAPER)}
    return [
        dataclasses.replace(row, **{name: value * row.p for name, value in numbers.items()})
        if row.kind == "trained"
        else row
        for row in some_rows(n_sparse)
    ]


def test_maps_of_several_n_sparse_share_a_scale():
    figures = {one.name: one for one in paper_figures(measured(16) + measured(32, factor=3))}
    for place, name in enumerate(PAPER):
        stem = f"paper-{name.replace('_', '-')}"
        for scale in ("linear", "log"):
            first, second = figures[f"{stem}-{scale}"].panels
            assert (first.title, second.title) == ("n_sparse = 16", "n_sparse = 32")
            np.testing.assert_allclose(first.values, (place + 1) * first.p[None].repeat(3, 0))
            np.testing.assert_allclose(second.values, 3 * first.values)
            expected = pytest.approx([(place + 1) * 0.02, 3 * (place + 1) * 0.2])
            for panel in (first, second):
                found = ColourRange.of(panel)
                assert [found.low, found.high] == expected
                assert found.log == (scale == "log")


def test_maps_are_drawn_with_labelled_axes_and_one_colour_bar():
    figures = {one.name: one for one in paper_figures(measured(16) + measured(32))}
    *maps, bar = on_paper(figures["paper-lambda-max-log"], COLOURS).axes
    assert [(one.get_xlabel(), one.get_ylabel()) for one in maps] == [
        ("p", "r = n_dense / n_sparse")
    ] * 2
    assert bar.get_ylabel() == "Λ (trained)"


def test_a_logarithmic_map_has_gaps_for_zeros():
    rows = [
        dataclasses.replace(row, p_ks=0.0 if row.p == 0.1 else row.p_ks) for row in measured(16)
    ]
    rows = [dataclasses.replace(row, delta_b=0.0) for row in rows]
    figures = {one.name: one for one in paper_figures(rows)}
    (panel,) = figures["paper-p-ks-log"].panels
    assert np.isnan(panel.values[:, 2]).all()
    assert np.isfinite(np.delete(panel.values, 2, 1)).all()
    assert "paper-delta-b-linear" in figures
    assert "paper-delta-b-log" not in figures


def test_losses_at_several_n_sparse_share_a_plot():
    figures = {one.name: one for one in paper_figures(some_rows(16) + some_rows(32, (4, 16)))}
    panel = figures["paper-loss-against-r"].panels[0]
    assert [one.name for one in panel.series] == [
        "L*", "linear", "trained, n_sparse 16", "trained, n_sparse 32", "rug, n_sparse 32",
    ]  # fmt: skip
    assert panel.series[3].x.tolist() == [0.125, 0.5]


def test_population_is_never_called_trained():
    rows = [
        dataclasses.replace(row, kind="population") if row.kind == "trained" else row
        for row in measured(16)
    ]
    figures = list(paper_figures(rows))
    assert {one.name for one in figures} >= {"paper-delta-diag-population-log"}
    for figure in figures:
        labels = [getattr(panel, "label", "") for panel in figure.panels]
        assert "trained" not in " ".join([figure.name, figure.caption, *labels])


def test_a_sweep_of_an_older_version_lacks_the_quantities():
    assert unmeasured(some_rows())
    assert not unmeasured(measured(16))
    assert not unmeasured([row for row in some_rows() if row.kind != "trained"])
    assert {one.name for one in paper_figures(some_rows())} == {
        "paper-loss-against-r", "paper-loss-against-p", "paper-loss-linear", "paper-loss-log",
    }  # fmt: skip


def some_weights(n_sparse=40, n_dense=12, independent=9):
    """Weights whose rank is below n_dense."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(n_dense, independent, generator=generator)
    W_in = mixed @ torch.randn(independent, n_sparse, generator=generator)
    return Dense(W_in, W_in.T.clone(), torch.linspace(-1, 0, n_sparse))


def test_the_rank_is_that_of_the_matrix():
    weights = some_weights()
    W = (weights.W_out @ weights.W_in).numpy()
    assert rank(weights) == np.linalg.matrix_rank(W) == 9


def test_the_corner_is_w_itself_and_histograms_count_every_entry_once(monkeypatch):
    monkeypatch.setattr(drawn, "CELLS", 300)  # several parts
    weights = some_weights()
    W = weights.rows(np.arange(40))
    corner, on, off = corner_figure(weights, "made up").panels
    np.testing.assert_array_equal(corner.pixels, W[:30, :30])
    np.testing.assert_array_equal(corner.biases, weights.biases()[:30])
    assert "rank is 9" in corner.title
    apart = ~np.eye(40, dtype=bool)
    for panel, values, bins in ((on, np.diag(W), 30), (off, W[apart], 100)):
        (outline,) = panel.series
        counts, edges = np.histogram(values, bins)
        np.testing.assert_allclose(outline.x[::2], edges, rtol=1e-6)
        np.testing.assert_array_equal(outline.y[1:-1:2], counts)
        assert outline.name == f"mean {values.mean():.3g}, std {values.std():.3g}"
