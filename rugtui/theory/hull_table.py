"""Where training ends, against p: hulls of section 12 that were computed once, and lie in a file.

A hull takes a third of a second, and a curve against p would need dozens of them. If the catalogue
behind them changes, `python -m rugtui.theory.hull_table` prints the file anew.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from rugtui.theory.hull import hull
from rugtui.theory.moments import Array, checked
from rugtui.theory.optimum import optimum

FILE = "hull_table.json"
PLACES = np.union1d(np.geomspace(1e-8, 0.02, 22), np.geomspace(0.02, 1.0, 34))
"""Values of p: closer where phases change fast."""


def loss_end(r: float, p: ArrayLike) -> Array:
    """L_end(r, p) at large n_sparse for many p at one r, to 1 %. Raises SettingError.

    log(L_end/L*) is linear in log p between the hulls of the file, and constant beyond them.
    """
    r, p = float(checked("r", r)), checked("p", p)
    return optimum(r, p).loss * np.exp(np.interp(np.log(p), np.log(PLACES), _below(r)))


@lru_cache(maxsize=8)
def _below(r: float) -> Float[np.ndarray, " places"]:
    """log(L_end/L*) at each of PLACES."""
    ends = [np.interp(r, one["ratios"], one["losses"]) for one in _hulls()]
    return np.minimum(np.log(np.array(ends) / optimum(r, PLACES).loss), 0.0)  # but for rounding


@lru_cache(maxsize=1)
def _hulls() -> list[dict[str, list[float]]]:
    return json.loads(resources.files("rugtui.theory").joinpath(FILE).read_text("utf-8"))


def row(p: float) -> dict[str, list[float]]:
    """The hull at p as the file has it: ratios and losses of its vertices."""
    found = hull(p)
    return {
        "ratios": [round(r, 4) for r in found.ratios.tolist()],
        "losses": [float(f"{loss:.8g}") for loss in found.losses.tolist()],
    }


def main() -> None:
    """Print the file anew: some twenty seconds."""
    print("[" + ",\n".join(json.dumps(row(float(p))) for p in PLACES) + "]")


if __name__ == "__main__":
    main()
