"""Every example in the docstrings of the public names runs and prints what it says."""

import doctest
import importlib

import pytest

MODULES = (
    "rugtui",
    "rugtui.tables",
    "rugtui.api.predictions",
    "rugtui.api.rugs",
    "rugtui.api.runs",
    "rugtui.api.sweeps",
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, sweeps_in_this_process):
    module = importlib.import_module(name)
    found = doctest.testmod(module, verbose=False)
    assert found.attempted
    assert found.failed == 0
