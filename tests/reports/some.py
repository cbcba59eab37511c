"""Rows of a small sweep, made up: trained a tenth above L*, rugs a fifth."""

from rugtui.sweeps.table import Row
from rugtui.theory.levels import levels


def some_rows(n_sparse=16, dense=(2, 4, 8), densities=(0.02, 0.05, 0.1, 0.2)):
    rows = []
    for n_dense in dense:
        for p in densities:
            r = n_dense / n_sparse
            known = levels(r, p)
            where = {"n_sparse": n_sparse, "n_dense": n_dense, "ratio": r, "p": p}
            theory = {"theory_loss": known.loss, "linear": known.linear}
            rows.append(Row(**where, kind="theory", loss=known.loss, **theory))
            for kind, factor in (("trained", 1.1), ("rug", 1.2)):
                rows.append(
                    Row(
                        **where,
                        **theory,
                        kind=kind,
                        seed=0,
                        loss=9.0,
                        standard_error=1.0,
                        loss_exact=factor * known.loss,
                        loss_exact_standard_error=0.0,
                        skew=-r,
                        interferers=5.0,
                    )
                )
    return rows
