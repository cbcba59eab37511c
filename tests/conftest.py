"""Torch in the tests waits as it does in the program, and runs are kept out of the user's own."""

import os

import pytest
from hypothesis import settings

from rugtui.threads import wait_briefly

wait_briefly()

# A shared machine stalls now and then: a slow example is no failure. Where CI judges a change, the
# examples are the same for every change; at a desk they are new each time.
settings.register_profile("calm", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def private_state(tmp_path_factory, monkeypatch):
    """Where a test's runs are kept, unless it says otherwise."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home
