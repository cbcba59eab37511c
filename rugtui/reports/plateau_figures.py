"""The plateau study as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rugtui.reports.plate import Lines, Plate, Series
from rugtui.reports.study_log import Look


def plateau_plate(looks: Sequence[Look]) -> Plate:
    """Loss / L* against steps, one series a size, with skew and interferers beside it."""
    sizes = sorted({one.n_sparse for one in looks})

    def against_steps(value: Callable[[Look], float]) -> tuple[Series, ...]:
        return tuple(
            Series(
                f"n {n_sparse:,}",
                np.array([one.step for one in looks if one.n_sparse == n_sparse], float),
                np.array([value(one) for one in looks if one.n_sparse == n_sparse], float),
                place=place,
            )
            for place, n_sparse in enumerate(sizes)
        )

    return Plate(
        "plateau",
        "Training finds the symmetric plateau at L*, then goes below it: the later, the larger n = "
        "n_sparse.",
        (
            Lines(
                "loss over the symmetric prediction",
                "step",
                "exact loss / L*",
                against_steps(lambda one: one.over_theory),
                log_y=False,
                levels=(("L*", 1.0),),
            ),
            Lines(
                "skew of the entries of W off the diagonal",
                "step",
                "skew",
                against_steps(lambda one: one.skew),
                log_y=False,
                levels=(("symmetric", 0.0),),
            ),
            Lines(
                "effective interferers of a row",
                "step",
                "interferers / (n_sparse/3)",
                against_steps(lambda one: one.share),
                log_y=False,
                levels=(("chance", 1.0),),
            ),
        ),
        columns=3,
    )
