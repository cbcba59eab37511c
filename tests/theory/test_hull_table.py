"""The end of training against p, from the file of hulls."""

import json
from importlib import resources

import numpy as np
import pytest

from rugtui.theory.hull import hull
from rugtui.theory.hull_table import FILE, PLACES, loss_end, row
from rugtui.theory.optimum import optimum


@pytest.mark.parametrize("place", [0, 25, -2])
def test_the_file_is_what_the_catalogue_gives_today(place):
    """If not, the catalogue was changed: the head of hull_table.py says how to make it anew."""
    kept = json.loads(resources.files("rugtui.theory").joinpath(FILE).read_text())
    assert len(kept) == len(PLACES)
    now = row(float(PLACES[place]))
    for name, values in now.items():
        assert kept[place][name] == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("p", [3e-6, 0.004, 0.07, 0.6])
def test_between_its_places_it_is_close_to_a_hull_of_its_own(p):
    for r in (0.05, 0.25, 0.4, 0.5, 0.6, 0.9):
        assert float(loss_end(r, p)) == pytest.approx(float(hull(p).loss(r)), rel=0.01)


def test_it_lies_below_the_optimum_and_goes_on_beyond_its_places():
    p = np.geomspace(1e-12, 1.0, 200)
    for r in (0.02, 0.3, 0.5, 0.8):
        ends = loss_end(r, p)
        assert (ends <= optimum(r, p).loss * (1 + 1e-9)).all()
        assert (ends > 0).all()
