"""Sweeps compared with theory and with each other, and on a real cluster that loses a worker."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from distributed import CancelledError

from rugtui import __version__
from rugtui.cli import main
from rugtui.errors import RugtuiError, UsageError
from rugtui.reports.sweep_figures import sweep_figures
from rugtui.sweeps import cluster as clusters
from rugtui.sweeps.folder import ROWS, SweepFolder, read_rows, run
from rugtui.sweeps.grid import RANDOM, Grid
from rugtui.sweeps.plan import Outcome, units
from rugtui.sweeps.quantities import QUANTITIES, Cells
from tests.sweeps import in_process

DATA = Path(__file__).parents[1] / "data"
REFERENCE = json.loads((DATA / "theory_reference.json").read_text())["optimum"]
SMALL = Grid(
    n_sparse="16", ratio="0.25,0.5", p="0.1,0.3", seed="0,1", samples=64, steps=60, batch=64,
    kinds="trained,population,rug,theory,linear", device="cpu",
)  # fmt: skip


def swept(path, grid=SMALL, outcomes=in_process.outcomes, *, most=10**9, retry_failed=False):
    """Rows without their times, after at most so many units."""
    folder = SweepFolder.begin(path, grid, retry_failed=retry_failed)
    seen = []
    for progress in run(folder, outcomes, lambda: len(seen) >= most, retry_failed=retry_failed):
        seen.append(progress)
        if len(seen) >= most:
            break
    folder.close()
    rows = in_process.read_parquet(path / "results.parquet")
    return [dataclasses.replace(row, seconds=None) for row in rows], seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The rows of an uninterrupted sweep, and its progress."""
    return swept(tmp_path_factory.mktemp("whole") / "sweep")


@pytest.fixture
def unbroken(whole):
    return whole[0]


def test_a_sweep_that_was_killed_and_continued_equals_an_uninterrupted_one(tmp_path, unbroken):
    path = tmp_path / "sweep"
    some, _ = swept(path, most=3)
    assert 0 < len(some) < len(unbroken)
    with (path / ROWS).open("ab") as file:  # killed while it wrote
        file.write(b'{"rows":[{"n_sparse":16,')
    assert swept(path)[0] == unbroken
    assert swept(path)[1] == []
    assert len(read_rows(path).rows) == len(unbroken)


def test_rows_of_theory_equal_stored_values(tmp_path):
    known = {(one["r"], one["p"]): float(one["loss"]) for one in REFERENCE}
    ratios, odds = ({str(pair[k]) for pair in known} for k in (0, 1))
    grid = Grid(n_sparse="1000", ratio=",".join(ratios), p=",".join(odds), kinds="theory,linear")
    rows, _ = swept(tmp_path / "sweep", grid)
    found = {(row.ratio, row.p): row.loss for row in rows if row.kind == "theory"}
    both = [pair for pair in ((float(r), float(p)) for r, p in known) if pair in found]
    assert len(both) >= 3
    for (r, p), loss in known.items():
        if (float(r), float(p)) in found:
            assert found[float(r), float(p)] == pytest.approx(loss, rel=1e-9)
    for row in rows:
        if row.kind == "linear":
            assert row.loss == pytest.approx((1 - row.ratio) * (row.p / 3 - row.p**2 / 4))


def test_the_remaining_time_is_estimated_from_costs_not_cells(whole):
    """Formulas take no time: counting cells, they would make the end look near."""
    _, seen = whole
    first = next(k for k, one in enumerate(seen) if one.rows[0].kind in RANDOM)
    assert [one.left for one in seen[:first]] == [None] * first
    assert first >= 2
    assert all(one.left for one in seen[first:-1])
    assert seen[-1].left == 0


@pytest.mark.parametrize("kind", ["population", "trained"])
def test_losses_of_trained_models_and_rugs_agree_with_theory(kind, tmp_path):
    grid = Grid(
        n_sparse="64", ratio="0.25", p="0.1", kinds=f"{kind},rug",
        steps=300 if kind == "population" else 1500, batch=256, lr=3e-3, device="cpu",
        save_weights=True,
    )  # fmt: skip
    (trained, rug), _ = swept(tmp_path / "sweep", grid)
    for row in (trained, rug):
        assert row.error is None
        assert row.loss == pytest.approx(row.loss_exact, abs=5 * row.standard_error)
        from rugtui.analysis.statistics import gaussian_loss
        from rugtui.models.weight_files.weight_file import read_weights

        kept = read_weights(tmp_path / "sweep" / row.weights)
        assert gaussian_loss(kept, row.p) == pytest.approx(row.loss_gaussian, rel=1e-5)
    assert rug.loss_gaussian == pytest.approx(rug.theory_loss, rel=1e-6)
    if kind == "population":
        assert trained.loss_gaussian == pytest.approx(trained.theory_loss, rel=0.02)
    else:
        assert trained.loss < trained.linear


def test_population_training_of_many_cells_equals_that_of_one(tmp_path):
    import torch

    from rugtui.analysis.statistics import gaussian_loss
    from rugtui.training.trainer import Trainer

    rows, _ = swept(tmp_path / "sweep", Grid(
        n_sparse="64", ratio="0.3", p="0.05,0.2", kinds="population", samples=64, device="cpu"
    ))  # fmt: skip
    for row in rows:
        alone = Trainer(Grid().settings((64, row.n_dense), row.p, 0).replace(device="cpu"))
        while not alone.done:
            alone.advance()
        assert torch.isfinite(alone.weights().W_in).all()
        assert row.loss_gaussian == pytest.approx(gaussian_loss(alone.weights(), row.p), rel=2e-3)


def test_a_cell_that_fails_is_a_row_and_can_be_retried(tmp_path):
    wild = dataclasses.replace(
        SMALL, kinds="trained", lr=1e30, steps=20, batch=8, seed="0", device="cpu"
    )
    rows, _ = swept(tmp_path / "sweep", wild)
    assert {row.status for row in rows} == {"failed"}
    assert all("diverged" in (row.error or "") for row in rows)
    assert swept(tmp_path / "sweep", wild)[1] == []
    assert len(swept(tmp_path / "sweep", wild, retry_failed=True)[1]) == 4
    calm = dataclasses.replace(wild, lr=1e-3)
    with pytest.raises(UsageError, match=r"lr is 1e\+30 there and 0.001 here"):
        swept(tmp_path / "sweep", calm)
    rows, _ = swept(tmp_path / "sweep", calm, retry_failed=True)
    assert {(row.status, row.lr) for row in rows} == {("done", 1e-3)}


def test_extending_a_grid_keeps_its_rows(tmp_path):
    small = Grid(n_sparse="16", ratio="0.25", p="0.1", samples=64, steps=20, device="cpu")
    before, _ = swept(tmp_path / "sweep", small)
    wider = dataclasses.replace(small, p="0.2,0.1", seed="0:1:2", tied="no,yes", ratio="0.25,0.5")
    after, seen = swept(tmp_path / "sweep", wider)
    assert [row for row in after if row.key in {one.key for one in before}] == before
    assert sum(len(one.rows) for one in seen) == len(after) - len(before)
    assert {row.error for row in after} == {None}
    assert swept(tmp_path / "sweep", wider)[1] == []
    with pytest.raises(UsageError, match=r"p is .* there and 0.2 here.* extend its axes"):
        swept(tmp_path / "sweep", dataclasses.replace(wider, p="0.2"))


def test_theoretical_losses_are_left_out_for_other_models(tmp_path):
    grid = Grid(n_sparse="16", ratio="0.5", p="0.2", samples=64, steps=200, device="cpu",
                kinds="trained", activation="relu,tanh", data="bernoulli,one")  # fmt: skip
    rows, _ = swept(tmp_path / "sweep", grid)
    exact = {(row.activation, row.data) for row in rows if row.loss_exact is not None}
    assert exact == {("relu", "bernoulli")}
    assert len({row.loss for row in rows}) == 4
    assert {row.error for row in rows} == {None}


def test_topk_is_trained_with_the_k_of_the_sweep(tmp_path):
    losses = []
    for k in (1, 3):
        grid = Grid(n_sparse="16", ratio="0.5", p="0.2", samples=256, steps=200, device="cpu",
                    kinds="trained", activation="topk", k=k)  # fmt: skip
        ((row,), _) = swept(tmp_path / str(k), grid)
        losses.append(row.loss)
        assert row.k == k
    assert losses[1] < 0.8 * losses[0]  # of 3 active features 1 can be reconstructed


def test_a_sweep_without_topk_may_be_extended_by_it_with_any_k(tmp_path):
    grid = Grid(n_sparse="16", ratio="0.5", p="0.2", samples=64, steps=2, device="cpu",
                kinds="trained")  # fmt: skip
    swept(tmp_path / "sweep", grid)
    wider = dataclasses.replace(grid, activation="relu,topk", k=3)
    rows, _ = swept(tmp_path / "sweep", wider)
    assert {row.activation: row.k for row in rows} == {"relu": None, "topk": 3}
    with pytest.raises(UsageError, match="k is 3 there and 4 here"):
        swept(tmp_path / "sweep", dataclasses.replace(wider, k=4))


def test_figures_show_mean_and_spread_over_seeds(tmp_path):
    grid = Grid(n_sparse="16", ratio="0.25,0.5", p="0.1,0.2", seed="0,1,2", samples=64, steps=50,
                device="cpu", kinds="trained,theory")  # fmt: skip
    rows, _ = swept(tmp_path / "sweep", grid)
    (cells,) = [Cells.of(16, rows)]
    loss = next(one for one in QUANTITIES if one.name == "trained loss")
    some = [loss.of(row) for row in rows if (row.kind, row.n_dense, row.p) == ("trained", 4, 0.1)]
    assert cells.values(loss)[0, 0] == pytest.approx(np.mean(some))
    assert cells.spread(loss)[0, 0] == pytest.approx(np.std(some, ddof=1))
    plate = sweep_figures(rows)[0]
    drawn = [one for one in plate.panels[0].series if one.role == "trained"]
    assert np.isfinite(drawn[0].error).all()
    assert "trained by SGD" in plate.caption
    assert "spread of 3 seeds" in plate.caption


def test_two_dask_workers_of_which_one_is_killed_give_the_same_bits(
    tmp_path, unbroken, monkeypatch
):
    cluster = clusters.Cluster(workers=2)
    try:
        monkeypatch.setattr(clusters, "__version__", "0.0.1")
        with pytest.raises(UsageError, match=r"the worker at .* has rugtui .* this is 0\.0\.1"):
            cluster.require_versions()
        monkeypatch.undo()
        pids = cluster.client.run(os.getpid)
        with pytest.raises(UsageError, match="is a Dask worker: name the scheduler"):
            clusters.require_scheduler(next(iter(pids)))
        assert len(set(pids.values())) == cluster.workers == 2
        killed = threading.Event()

        def outcomes(units, grid, cancelled):
            for outcome in cluster.outcomes(units, grid, cancelled):
                if not killed.is_set():
                    killed.set()
                    os.kill(next(iter(pids.values())), signal.SIGKILL)
                yield outcome

        rows, seen = swept(tmp_path / "sweep", outcomes=outcomes)
        assert killed.is_set()
        assert len(seen) == len(units(SMALL))
        assert {row.method for row in rows} == {"sgd", "population", None}
        assert rows == unbroken
    finally:
        cluster.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--out"),
        (["--ratio", "0.8:0.1:3", "--dry-run"], "FIRST ≤ LAST"),
        (["--n-sparse", "99999999999", "--dry-run"], "GiB: take a smaller"),
        (["--n-sparse", "99999999999", "--out", "{tmp}/sweep"], "GiB: take a smaller"),
        (["--workers", "2", "--dask", "tcp://127.0.0.1:9", "--dry-run"], "give one of them"),
        (["--dask", "tcp://127.0.0.1:9", "--out", "{tmp}/sweep"], "no Dask scheduler answers"),
        (["--dask", "here", "--out", "{tmp}/sweep"], "no Dask scheduler answers at 'here'"),
        (["--dask", "tls://127.0.0.1:9", "--out", "{tmp}/sweep"], "no Dask scheduler answers"),
        (["--dask", "", "--out", "{tmp}/sweep"], "but it is empty"),
        (["--out", "{tmp}"], "is not empty"),
    ],
)
def test_bad_input_is_exit_2_and_touches_nothing(arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(clusters, "REACH_WITHIN", 0.5)
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["sweep", *(one.format(tmp=tmp_path) for one in arguments)]) == 2
    streams = capsys.readouterr()
    assert said in streams.err
    assert streams.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_sweep_in_which_something_fits_is_accepted(tmp_path, capsys):
    sizes = ["--n-sparse", "16,99999999999", "--ratio", "0.5", "--p", "0.1"]
    assert main(["sweep", *sizes, "--dry-run"]) == 0
    theory = ["--n-sparse", "99999999999", "--kinds", "theory"]
    assert main(["sweep", *theory, "--ratio", "0.5", "--p", "0.1", "--dry-run"]) == 0


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_that_is_no_scheduler_is_refused_soon(says, monkeypatch):
    monkeypatch.setattr(clusters, "REACH_WITHIN", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with contextlib.suppress(OSError):  # nobody comes any more
                while True:
                    held.append(server.accept()[0])
                    held[-1].sendall(says)

        held = []
        server.settimeout(3)
        threading.Thread(target=answer, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(UsageError, match="no Dask scheduler answers"):
            clusters.require_scheduler(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - begun < 10
    for one in held:
        one.close()


class Lost:
    """A client, and a future of it, whose scheduler is gone."""

    def run(self, *_, **__):
        return {}

    def submit(self, *_, **__):
        return self

    def add_done_callback(self, tell):
        tell(self)

    def result(self):
        raise CancelledError("scheduler-connection-lost")

    def cancel(self, *_, **__):
        raise AssertionError("there is nobody to ask")


def test_a_lost_scheduler_is_reported_in_one_sentence():
    cluster = object.__new__(clusters.Cluster)
    cluster.client = Lost()
    with pytest.raises(RugtuiError, match="the Dask scheduler is gone: what was computed is kept"):
        next(cluster.outcomes(units(SMALL), SMALL, lambda: False))


def test_a_worker_that_joins_with_another_version_computes_nothing():
    unit = units(SMALL)[0]
    assert "is of 0.0.1" in str(clusters._compute(unit, SMALL, "0.0.1"))
    assert isinstance(clusters._compute(unit, SMALL, __version__), Outcome)


def test_another_sweep_in_the_folder_says_what_differs(tmp_path, capsys):
    out = ["sweep", "--out", str(tmp_path / "sweep"), "--kinds", "linear", "--json"]
    assert main([*out, "--n-sparse", "16", "--ratio", "0.5", "--p", "0.1"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 1
    assert main([*out, "--p", "0.2"]) == 2
    assert "p is 0.1 there and 0.2 here" in capsys.readouterr().err
    assert main(out) == 0
